"""A vehicle's sensors in one frame: x forward, y left, z up, in metres."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Points nearer to a camera's plane than this are not projected: they would be anywhere.
NEAREST_M = 0.1
#: How far the rows of a rotation may be from unit length and right angles. KITTI's and nuScenes'
#: are within 1e-5; a file with three digits is within 2e-3.
_RIGID = 0.01


@dataclass(frozen=True, slots=True)
class Camera:
    """``projection``: float64 (3, 4), from the rig's frame (homogeneous, metres) to pixels times
    depth, lens distortion taken out. ``size``: the image's width and height in pixels, where known.
    """

    projection: Floats
    size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Rig:
    """``frame``: what positions are given in. ``cameras``: by sensor. ``to_frame``: of other
    sensors, float64 (4, 4), from the sensor's own frame to the rig's; one without an entry is in
    the rig's frame.
    """

    frame: str
    cameras: Mapping[str, Camera] = field(default_factory=dict)
    to_frame: Mapping[str, Floats] = field(default_factory=dict)


def project(camera: Camera, points: Floats) -> tuple[Floats, Floats]:
    """Pixels float64 (…, 2) and depth in metres float64 (…) of points float64 (…, 3) in the rig's
    frame; pixels are NaN for points that are not in front of the camera.
    """
    matrix = camera.projection
    image = points @ matrix[:, :3].T + matrix[:, 3]
    depth = image[..., 2]
    ahead = np.where(depth > NEAREST_M, depth, np.nan)
    return image[..., :2] / ahead[..., None], depth


def is_rigid(matrix: Floats) -> bool:
    """Whether float64 (4, 4) turns and shifts and does nothing else, as far as calibration is
    written down: one that is transposed, in other units or all zeros would put every box elsewhere.
    """
    turn = matrix[:3, :3]
    upright = np.abs(turn @ turn.T - np.eye(3)).max() < _RIGID and np.linalg.det(turn) > 0.0
    return bool(upright and np.abs(matrix[3] - [0.0, 0.0, 0.0, 1.0]).max() < _RIGID)


def box_corners(boxes: Floats) -> Floats:
    """Corners float64 (n, 8, 3) of boxes float64 (n, 7): x y z length width height yaw. The first
    four are the bottom's, in turn.
    """
    signs = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]], np.float64) / 2.0
    plane = signs[None] * boxes[:, None, 3:5]
    cos, sin = np.cos(boxes[:, 6])[:, None], np.sin(boxes[:, 6])[:, None]
    x = boxes[:, None, 0] + plane[..., 0] * cos - plane[..., 1] * sin
    y = boxes[:, None, 1] + plane[..., 0] * sin + plane[..., 1] * cos
    corners = np.empty((len(boxes), 8, 3))
    for half, sign in ((slice(0, 4), -0.5), (slice(4, 8), 0.5)):
        corners[:, half, 0], corners[:, half, 1] = x, y
        corners[:, half, 2] = boxes[:, None, 2] + sign * boxes[:, None, 5]
    return corners


def image_boxes(camera: Camera, boxes: Floats) -> Floats:
    """The span in pixels of each box, float64 (n, 4): x1 y1 x2 y2, cut to the image where its size
    is known; NaN for one that is behind the camera or outside the image.

    ``boxes``: float64 (n, 7) in the rig's frame. Of a box partly behind the camera the part in
    front counts, which is too small a span where the camera is abreast of it.
    """
    pixels, _ = project(camera, box_corners(boxes))
    seen = ~np.isnan(pixels[..., 0])
    low = np.where(seen[..., None], pixels, np.inf).min(axis=1)
    high = np.where(seen[..., None], pixels, -np.inf).max(axis=1)
    spans = np.concatenate([low, high], axis=1)
    if camera.size is not None:
        width, height = camera.size
        spans = np.clip(spans, 0.0, np.array([width, height, width, height], np.float64))
    empty = (spans[:, 2] <= spans[:, 0]) | (spans[:, 3] <= spans[:, 1])
    spans[empty] = np.nan
    return spans


def transform(matrix: Floats, points: Floats) -> Floats:
    """Points float64 (n, 3) by a rigid transform float64 (4, 4)."""
    moved: Floats = points @ matrix[:3, :3].T + matrix[:3, 3]
    return moved


def transform_boxes(matrix: Floats, boxes: Floats) -> Floats:
    """Boxes float64 (n, 7) by a rigid transform whose z stays upright but for a few degrees."""
    moved = boxes.copy()
    moved[:, :3] = transform(matrix, boxes[:, :3])
    heading = np.stack([np.cos(boxes[:, 6]), np.sin(boxes[:, 6])], axis=1) @ matrix[:2, :2].T
    moved[:, 6] = np.arctan2(heading[:, 1], heading[:, 0])
    return moved
