"""The bird's-eye view: the sweep, the objects with their way so far, and the vehicle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.objects import Kinematics, Shape, TrackedObject
from workers.vehicle.view.drawing import area, canvas, polyline, stack_of, tag, text
from workers.vehicle.view.sight import (
    FAINT,
    LINE,
    PANEL,
    TEXT,
    Image,
    Sight,
    color_of,
    is_told,
    short_name,
)

Floats = NDArray[np.float64]
#: Metres (…, 2) on the road as pixels (…, 2).
Place = Callable[[Floats], Floats]

#: Distance rings are drawn every so many metres.
_RING_M = 10.0
#: A velocity's arrow ends where the object will be after this long.
_ARROW_S = 1.0
#: An object's covariance is drawn to this many sigmas.
_SIGMAS = 2.0
#: The vehicle itself, about the origin: to the front, to the back, half its width.
_VEHICLE_M = (2.4, -2.0, 0.95)


@dataclass(frozen=True, slots=True)
class Ground:
    """What part of the road is shown: metres ahead, behind and to each side."""

    ahead_m: float = 50.0
    behind_m: float = 8.0
    side_m: float = 20.0


def overhead(sight: Sight, width: int, height: int, ground: Ground) -> Image:
    """The view from above, (height, width, 3), forward being up."""
    image = canvas(width, height, PANEL)
    scale = min(width / (2.0 * ground.side_m), height / (ground.ahead_m + ground.behind_m))
    origin = np.array([width / 2.0, height - ground.behind_m * scale])

    def place(points: Floats) -> Floats:
        """Metres (…, 2), x forward and y left, as pixels."""
        return np.stack(
            [origin[0] - points[..., 1] * scale, origin[1] - points[..., 0] * scale], -1
        )

    _rings(image, place, ground)
    if sight.points is not None:
        _dots(image, place(sight.points[:, :2].astype(np.float64)), sight.points[:, 2])
    front, back, half = _VEHICLE_M
    own = place(stack_of([(front, half), (front, -half), (back, -half), (back, half)]))
    area(image, own, TEXT, 0.5)
    for item in sorted(sight.objects, key=lambda each: each.object_id):
        if item.kinematics is None or item.shape is None:
            continue
        trail = sight.trails.get(item.object_id)
        if trail is not None:
            polyline(image, place(trail), color_of(item.object_id))
        _object(image, place, item, item.kinematics, item.shape)
    return image


def _rings(image: Image, place: Place, ground: Ground) -> None:
    turn = np.linspace(-np.pi, np.pi, 73)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    for distance in np.arange(_RING_M, ground.ahead_m + 1.0, _RING_M):
        polyline(image, place(distance * circle), LINE)
        x, y = place(np.array([distance, 0.0]))
        text(image, (x + 3, y - 3), f"{distance:.0f} m", FAINT, 0.35)


def _dots(image: Image, pixels: Floats, heights: NDArray[np.float32]) -> None:
    """Returns as dots, brighter the higher."""
    at = np.round(pixels).astype(np.int64)
    inside = (at >= 0).all(axis=1) & (at < [image.shape[1], image.shape[0]]).all(axis=1)
    at, up = at[inside], np.clip((heights[inside] + 2.0) / 4.0, 0.0, 1.0)
    order = np.argsort(up, kind="stable")
    shade = (70 + 120 * up[order])[:, None] * np.array([0.8, 0.9, 1.0])
    image[at[order, 1], at[order, 0]] = shade.astype(np.uint8)


def _object(
    image: Image, place: Place, item: TrackedObject, motion: Kinematics, shape: Shape
) -> None:
    color = color_of(item.object_id)
    center = np.array(motion.position[:2])
    cos, sin = np.cos(motion.yaw), np.sin(motion.yaw)
    half = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]]) * [shape.length / 2, shape.width / 2]
    corners = place(center + half @ np.array([[cos, sin], [-sin, cos]]))
    seen = item.status == "confirmed" and is_told(item)
    if seen:
        area(image, corners, color, 0.3)
    polyline(image, corners, color, 2 if seen else 1, closed=True)
    velocity = motion.ground_velocity or motion.velocity
    tip = center + _ARROW_S * np.array(velocity[:2])
    polyline(image, place(np.stack([center, tip])), color, 1)
    polyline(image, place(center + _spread(motion.covariance)), color)
    size = np.array([image.shape[1], image.shape[0]])
    inside = ((corners > 0) & (corners < size)).all(axis=1).any()
    if is_told(item) and inside:
        x, y = corners[:, 0].max(), corners[:, 1].min()
        tag(image, (x + 2, y), short_name(item), color, 0.35)


def _spread(covariance: list[float]) -> Floats:
    """The ellipse of the position's covariance, metres (n, 2)."""
    xx, xy, yy = covariance[0], covariance[1], covariance[6]
    values, axes = np.linalg.eigh(np.array([[xx, xy], [xy, yy]]))
    turn = np.linspace(0.0, 2.0 * np.pi, 25)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    ellipse: Floats = circle * (_SIGMAS * np.sqrt(np.maximum(values, 0.0))) @ axes.T
    return ellipse
