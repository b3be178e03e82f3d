"""Objects as scenes: boxes with what they are, how sure, and where they go.

Tracked objects of a result are entities that stay until the object is gone; each has a cube, a text
over it and an arrow that is as long as it moves in a second. A smart sensor's list is a scene of
its own that the next list replaces. What has no place in space is drawn in the image alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.objects import TrackedObject
from schemas.payloads import DetectedObject, ObjectList
from workers.foxglove.kinds import kind, set_color, set_time, set_vector, set_yaw

_COLORS: Mapping[str, tuple[float, float, float]] = {
    "car": (0.20, 0.60, 1.00),
    "van": (0.20, 0.60, 1.00),
    "truck": (0.15, 0.35, 0.85),
    "bus": (0.15, 0.35, 0.85),
    "pedestrian": (1.00, 0.45, 0.20),
    "cyclist": (1.00, 0.80, 0.20),
}
_OTHER = (0.65, 0.65, 0.65)
_TEXT_HEIGHT_M = 0.6
#: An object that stands has no arrow.
_LEAST_SPEED_MPS = 0.3


class Scene:
    """The scene of one session's tracked objects, result by result."""

    def __init__(self) -> None:
        #: Ids of the entities that are drawn; an object that is told of no more is deleted.
        self._shown: set[str] = set()

    def update(self, objects: Sequence[TrackedObject], at_us: int) -> Any:
        """The ``SceneUpdate`` of one result at its time of validity, epoch microseconds."""
        update = kind("SceneUpdate")()
        placed = {one.object_id: one for one in objects if one.kinematics and one.shape}
        for gone in sorted(self._shown - placed.keys()):
            deletion = update.deletions.add(id=gone)
            set_time(deletion.timestamp, at_us)
        self._shown = set(placed)
        for one in placed.values():
            _entity(update, one, at_us)
        return update


def _entity(update: Any, one: TrackedObject, at_us: int) -> None:
    place, shape = one.kinematics, one.shape
    if place is None or shape is None:
        return
    entity = update.entities.add(frame_id=place.frame, id=one.object_id)
    set_time(entity.timestamp, at_us)
    x, y, z = place.position
    size = (shape.length, shape.width, shape.height)
    color = _COLORS.get(one.label, _OTHER)
    _cube(entity, (x, y, z), size, place.yaw, color, max(0.15, 0.6 * one.existence_probability))
    _text(entity, (x, y, z + shape.height / 2 + _TEXT_HEIGHT_M), _words(one), color)
    vx, vy, _ = place.ground_velocity or place.velocity
    speed = math.hypot(vx, vy)
    if speed >= _LEAST_SPEED_MPS:
        _arrow(entity, (x, y, z), math.atan2(vy, vx), speed, color)
    for key, value in (
        ("class", one.label),
        ("score", f"{one.existence_probability:g}"),
        ("status", one.status),
        ("since", one.since),
        ("sensors", " ".join(one.sensors)),
        ("velocity", " ".join(f"{value:g}" for value in place.velocity)),
        *((f"class.{name}", f"{share:g}") for name, share in one.classification.items()),
    ):
        entity.metadata.add(key=key, value=value)


def _words(one: TrackedObject) -> str:
    return f"{one.label} {one.existence_probability:.2f} {one.object_id[:4]}"


def list_scene(held: ObjectList, sensor: str, at_us: int) -> Any:
    """The ``SceneUpdate`` of a sensor's object list: its boxes in space, in place of those before.

    ``frame_id`` is the list's frame, else the sensor's own.
    """
    update = kind("SceneUpdate")()
    deletion = update.deletions.add(type=kind("SceneEntityDeletion").ALL)
    set_time(deletion.timestamp, at_us)
    for number, one in enumerate(held.objects):
        if one.box3d is None or len(one.box3d) != 7:
            continue
        x, y, z, length, width, height, yaw = one.box3d
        entity = update.entities.add(frame_id=held.frame or sensor, id=f"{sensor}-{number}")
        set_time(entity.timestamp, at_us)
        _cube(entity, (x, y, z), (length, width, height), yaw, _OTHER, 0.3)
        entity.metadata.add(key="class", value=one.class_)
        entity.metadata.add(key="score", value=f"{one.score:g}")
    return update


def boxes_in_image(
    boxes: Sequence[tuple[Sequence[float], str, tuple[float, float, float]]], at_us: int
) -> Any:
    """``ImageAnnotations`` of boxes (x1 y1 x2 y2 in pixels, text, colour)."""
    annotations = kind("ImageAnnotations")()
    for (x1, y1, x2, y2), words, color in boxes:
        outline = annotations.points.add(type=kind("PointsAnnotation").LINE_LOOP, thickness=2.0)
        set_time(outline.timestamp, at_us)
        for x, y in ((x1, y1), (x2, y1), (x2, y2), (x1, y2)):
            outline.points.add(x=float(x), y=float(y))
        set_color(outline.outline_color, color, 1.0)
        text = annotations.texts.add(text=words, font_size=14.0)
        set_time(text.timestamp, at_us)
        text.position.x, text.position.y = float(x1), float(y1)
        set_color(text.text_color, color, 1.0)
    return annotations


def tracked_boxes(objects: Sequence[TrackedObject], at_us: int) -> dict[str, Any]:
    """Camera -> ``ImageAnnotations`` of the tracked objects that have a box in its image."""
    by_camera: dict[str, list[tuple[Sequence[float], str, tuple[float, float, float]]]] = {}
    for one in objects:
        for camera, box in one.boxes.items():
            told = (box, _words(one), _COLORS.get(one.label, _OTHER))
            by_camera.setdefault(camera, []).append(told)
    return {camera: boxes_in_image(told, at_us) for camera, told in sorted(by_camera.items())}


def detected_boxes(objects: Sequence[DetectedObject], at_us: int) -> Any | None:
    """``ImageAnnotations`` of a list's boxes in its image, ``None`` where it has none."""
    told = [
        (one.box2d, f"{one.class_} {one.score:.2f}", _OTHER)
        for one in objects
        if one.box2d is not None and len(one.box2d) == 4
    ]
    return boxes_in_image(told, at_us) if told else None


def _cube(
    entity: Any,
    position: tuple[float, float, float],
    size: tuple[float, float, float],
    yaw: float,
    color: tuple[float, float, float],
    opacity: float,
) -> None:
    cube = entity.cubes.add()
    set_vector(cube.pose.position, *position)
    set_yaw(cube.pose.orientation, yaw)
    set_vector(cube.size, *size)
    set_color(cube.color, color, opacity)


def _text(
    entity: Any,
    position: tuple[float, float, float],
    words: str,
    color: tuple[float, float, float],
) -> None:
    text = entity.texts.add(text=words, billboard=True, font_size=_TEXT_HEIGHT_M)
    set_vector(text.pose.position, *position)
    set_yaw(text.pose.orientation, 0.0)
    set_color(text.color, color, 1.0)


def _arrow(
    entity: Any,
    position: tuple[float, float, float],
    yaw: float,
    length: float,
    color: tuple[float, float, float],
) -> None:
    head = min(0.5, length / 3)
    arrow = entity.arrows.add(
        shaft_length=length - head, shaft_diameter=0.12, head_length=head, head_diameter=0.3
    )
    set_vector(arrow.pose.position, *position)
    set_yaw(arrow.pose.orientation, yaw)
    set_color(arrow.color, color, 1.0)
