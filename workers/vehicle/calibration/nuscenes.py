"""Calibration as nuScenes-like sample descriptions give it.

H. Caesar et al., *nuScenes: a multimodal dataset for autonomous driving*, CVPR 2020; the members'
names are those that MMDetection3D writes: ``images.<sensor>.cam2img`` and ``cam2ego`` (or
``lidar2cam``), ``lidar_points.lidar2ego``. The rig's frame is the vehicle's (``ego``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workers.errors import CalibrationError
from workers.vehicle.calibration.rig import Camera, Floats, Rig, is_rigid

FRAME = "ego"
LIDAR = "LIDAR_TOP"


def read_nuscenes(tree: Mapping[str, Any], path: Path) -> Rig:
    """The rig of a sample description: of its first sample, where it lists several.

    Raises ``CalibrationError``.
    """
    samples = tree.get("data_list", [tree])
    if not isinstance(samples, list) or not samples or not isinstance(samples[0], dict):
        raise CalibrationError(f"{path}: data_list: expected at least one sample, got none")
    sample = samples[0]
    lidar = _member(sample, "lidar_points", path)
    to_ego = _matrix(lidar, "lidar2ego", (4, 4), path)
    images = _member(sample, "images", path)
    cameras = {name: _camera(image, to_ego, path) for name, image in sorted(images.items())}
    return Rig(FRAME, cameras, {LIDAR: to_ego})


def _camera(image: Any, lidar_to_ego: Floats, path: Path) -> Camera:
    if not isinstance(image, dict):
        raise CalibrationError(f"{path}: images: expected objects, got {type(image).__name__}")
    intrinsic = _matrix(image, "cam2img", (3, 3), path)
    if "cam2ego" in image:
        to_camera = np.linalg.inv(_matrix(image, "cam2ego", (4, 4), path))
    else:
        to_camera = _matrix(image, "lidar2cam", (4, 4), path) @ np.linalg.inv(lidar_to_ego)
    return Camera(intrinsic @ to_camera[:3], _size(image.get("size"), path))


def _size(value: Any, path: Path) -> tuple[int, int] | None:
    """Width and height, where the description has them."""
    if value is None:
        return None
    if isinstance(value, list) and len(value) == 2 and all(type(each) is int for each in value):
        return value[0], value[1]
    raise CalibrationError(f"{path}: size: expected width and height in pixels, got {value!r:.60}")


def _member(tree: Mapping[str, Any], name: str, path: Path) -> Mapping[str, Any]:
    found = tree.get(name)
    if not isinstance(found, dict):
        raise CalibrationError(f"{path}: expected an object {name!r}, got {type(found).__name__}")
    return found


def _matrix(tree: Mapping[str, Any], name: str, shape: tuple[int, int], path: Path) -> Floats:
    try:
        matrix = np.array(tree.get(name), np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.shape != shape or not np.isfinite(matrix).all():
        raise CalibrationError(
            f"{path}: {name}: expected {shape[0]} x {shape[1]} numbers, got {matrix.shape}"
        )
    if shape == (4, 4) and not is_rigid(matrix):
        raise CalibrationError(
            f"{path}: {name}: expected a rotation and a translation in metres, the last row "
            "0 0 0 1, got another matrix; is it transposed?"
        )
    return matrix
