"""KITTI's calibration files.

A. Geiger, P. Lenz, C. Stiller, R. Urtasun, *Vision meets robotics: the KITTI dataset*, IJRR 2013:
pixels = P_i · R_rect · T_velo_to_cam · x, with x in the lidar's frame, which is the rig's here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workers.errors import CalibrationError
from workers.vehicle.calibration.rig import Camera, Floats, Rig, is_rigid

FRAME = "velodyne"
#: Names by which the files of the object, tracking and raw layouts call the same thing.
_RECTIFY = ("R0_rect", "R_rect", "R_rect_00")
_LIDAR = ("Tr_velo_to_cam", "Tr_velo_cam")
#: KITTI's rectified images are this large, but for a few pixels from drive to drive.
_IMAGE_SIZE = (1242, 375)


def parse_kitti(text: str, path: Path) -> Rig:
    """The rig of a calibration file of the object, tracking or raw layout, with cameras
    ``image_00`` to ``image_03`` as far as it has them.

    Raises ``CalibrationError``.
    """
    rows = _rows(text, path)
    rectify = _rectify(rows, path)
    lidar = _first(rows, _LIDAR)
    if lidar is None:
        raise CalibrationError(f"{path}: expected a line {_LIDAR[0]}, got {', '.join(rows)}")
    to_camera = _rigid(lidar, (3, 4), _LIDAR[0], path)
    cameras = {
        f"image_0{number}": Camera(
            _shaped(rows[f"P{number}"], (3, 4), f"P{number}", path) @ rectify @ to_camera,
            _IMAGE_SIZE,
        )
        for number in range(4)
        if f"P{number}" in rows
    }
    if not cameras:
        raise CalibrationError(f"{path}: expected a line P2, got {', '.join(rows)}")
    return Rig(FRAME, cameras)


def camera_to_lidar(text: str, path: Path) -> Floats:
    """float64 (4, 4), from the rectified frame of camera 0 (x right, y down, z forward), in which
    KITTI's labels are, to the lidar's. Raises ``CalibrationError``.
    """
    rows = _rows(text, path)
    matrix = _rigid(_first(rows, _LIDAR) or [], (3, 4), _LIDAR[0], path)
    return np.asarray(np.linalg.inv(_rectify(rows, path) @ matrix), np.float64)


def _rectify(rows: dict[str, list[float]], path: Path) -> Floats:
    found = _first(rows, _RECTIFY)
    return np.eye(4) if found is None else _rigid(found, (3, 3), _RECTIFY[0], path)


def _rigid(values: list[float], shape: tuple[int, int], name: str, path: Path) -> Floats:
    matrix = np.eye(4)
    matrix[:3, : shape[1]] = _shaped(values, shape, name, path)
    if not is_rigid(matrix):
        raise CalibrationError(
            f"{path}: {name}: expected a rotation, and a translation in metres beside it, row by "
            "row, got another matrix; is it written column by column?"
        )
    return matrix


def _rows(text: str, path: Path) -> dict[str, list[float]]:
    rows: dict[str, list[float]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        # The tracking layout leaves the colon out of two of its lines.
        name, _, values = line.strip().replace(":", " ", 1).partition(" ")
        if not name or name == "calib_time":
            continue
        try:
            rows[name] = [float(value) for value in values.split()]
        except ValueError:
            raise CalibrationError(
                f"{path}:{number}: expected a name and numbers, got {line[:60]!r}; correct it"
            ) from None
    return rows


def _first(rows: dict[str, list[float]], names: tuple[str, ...]) -> list[float] | None:
    return next((rows[name] for name in names if name in rows), None)


def _shaped(values: list[float], shape: tuple[int, int], name: str, path: Path) -> Floats:
    if len(values) != shape[0] * shape[1] or not np.isfinite(values).all():
        raise CalibrationError(
            f"{path}: {name}: expected {shape[0] * shape[1]} finite numbers, got {len(values)}"
        )
    return np.array(values, np.float64).reshape(shape)
