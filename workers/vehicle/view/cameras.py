"""Camera frames with the objects' boxes in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from schemas.objects import TrackedObject
from workers.vehicle.calibration.rig import Camera, Floats, box_corners, project
from workers.vehicle.view.drawing import canvas, fitted, polyline, stack_of, tag
from workers.vehicle.view.sight import (
    FAINT,
    PANEL,
    TEXT,
    Color,
    Image,
    color_of,
    is_told,
    short_name,
)

#: Edges of a box between the corners of ``box_corners``.
_EDGES = [(k, (k + 1) % 4) for k in range(4)]
_EDGES += [(a + 4, b + 4) for a, b in _EDGES] + [(k, k + 4) for k in range(4)]


def camera_view(
    name: str,
    frame: Image | None,
    objects: Sequence[TrackedObject],
    camera: Camera | None,
    width: int,
    height: int,
) -> Image:
    """A camera's panel, (height, width, 3). ``frame``: RGB, ``None`` where it has none.

    With a calibration boxes are drawn in space, else as the rectangles that the objects carry.
    """
    panel = canvas(width, height, PANEL)
    if frame is None:
        tag(panel, (width / 2 - 40, height / 2), "no frame", FAINT, 0.5)
    else:
        shown = fitted(frame, width, height).copy()
        scale = shown.shape[1] / frame.shape[1]
        for item in sorted(objects, key=_farthest_first):
            if is_told(item):
                _draw(shown, name, item, camera, scale)
        top, left = (height - shown.shape[0]) // 2, (width - shown.shape[1]) // 2
        panel[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
    tag(panel, (4, 4), name, TEXT, 0.45)
    return panel


def _farthest_first(item: TrackedObject) -> tuple[float, str]:
    return -(_distance_m(item) or 0.0), item.object_id


def _distance_m(item: TrackedObject) -> float | None:
    """How far away it is, where that is known."""
    if item.kinematics is None:
        return None
    x, y, _ = item.kinematics.position
    return float(np.hypot(x, y))


def _draw(
    shown: Image, name: str, item: TrackedObject, camera: Camera | None, scale: float
) -> None:
    color = color_of(item.object_id)
    width = 2 if item.status == "confirmed" else 1
    rectangle = item.boxes.get(name)
    if camera is not None and (corners := _corners(item, camera)) is not None:
        for first, second in _EDGES:
            polyline(shown, corners[[first, second]] * scale, color, width)
        _label(shown, item, corners.min(axis=0) * scale, color)
    elif rectangle is not None:
        x1, y1, x2, y2 = (value * scale for value in rectangle)
        polyline(shown, stack_of([(x1, y1), (x2, y1), (x2, y2), (x1, y2)]), color, width, True)
        _label(shown, item, np.array([x1, y1]), color)


def _corners(item: TrackedObject, camera: Camera) -> Floats | None:
    """The box's corners in the image, ``None`` where one of them is behind the camera."""
    motion, shape = item.kinematics, item.shape
    if motion is None or shape is None:
        return None
    box = [*motion.position, shape.length, shape.width, shape.height, motion.yaw]
    pixels, _ = project(camera, box_corners(np.array([box]))[0])
    return None if np.isnan(pixels).any() else pixels


def _label(shown: Image, item: TrackedObject, corner: Floats, color: Color) -> None:
    inside = -40 < corner[0] < shown.shape[1] and -40 < corner[1] < shown.shape[0]
    if inside:
        distance_m = _distance_m(item)
        words = short_name(item) + ("" if distance_m is None else f" {distance_m:.0f} m")
        tag(shown, (float(corner[0]), float(corner[1])), words, color, 0.4)
