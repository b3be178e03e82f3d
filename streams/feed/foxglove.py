"""MCAP files with Foxglove's protobuf schemas: frames, sweeps and scenes of boxes as tracks.

``foxglove.CompressedImage`` (JPEG, PNG) becomes video, ``foxglove.PointCloud`` points, whatever
layout its fields have, and the cubes of a ``foxglove.SceneUpdate`` an object list. Other channels
are left alone.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.sample import Modality
from streams.errors import FeedError
from streams.feed.folder import POINTS_TYPE
from streams.feed.still import image_type
from streams.feed.track import Reading, Track
from streams.record.extra import require
from streams.record.reader import contents, messages

#: ``PackedElementField.NumericType`` -> numpy's name, little-endian.
_NUMBERS: Mapping[int, str] = {
    1: "u1",
    2: "i1",
    3: "<u2",
    4: "<i2",
    5: "<u4",
    6: "<i4",
    7: "<f4",
    8: "<f8",
}
_INTENSITY = ("intensity", "reflectance", "reflectivity", "i")


def foxglove_tracks(path: Path) -> list[Track]:
    """A track per channel of a known schema, labelled by its topic, in the order of topics.

    Event times are the messages' own timestamps, or log times where they have none. Raises
    ``FeedError`` where the file has no such channel.
    """
    held = contents(path)
    found = []
    for topic in sorted(held.schemas):
        known = _READERS.get(held.schemas[topic])
        if known is None or not held.counts[topic]:
            continue
        modalities, read = known
        readings = partial(_readings, path, topic, held.schemas[topic], read)
        first = next(readings(), None)
        if first is not None:
            label = re.sub(r"[^A-Za-z0-9_-]+", ".", topic).strip(".")
            count = held.counts[topic]
            found.append(Track(path, label, modalities, "epoch", first.start_us, count, readings))
    if not found:
        there = ", ".join(sorted({name for name in held.schemas.values() if name})) or "none"
        raise FeedError(
            f"{path}: expected channels of {', '.join(_READERS)} or recorded topics, got {there}; "
            "convert the file"
        )
    return found


def _readings(
    path: Path,
    topic: str,
    schema: str,
    read: Callable[[Path, Any], tuple[str, bytes]],
) -> Iterator[Reading]:
    name = schema.removeprefix("foxglove.")
    kind = getattr(require(f"foxglove_schemas_protobuf.{name}_pb2"), name)
    broken = require("google.protobuf.message").DecodeError
    for _, channel, message in messages(path, [topic]):
        if channel.message_encoding != "protobuf":
            raise FeedError(
                f"{path}: {topic}: expected messages as protobuf, got "
                f"{channel.message_encoding[:20]!r}; convert the file"
            )
        try:
            decoded = kind.FromString(message.data)
        except broken:
            raise FeedError(f"{path}: {topic}: expected a {schema}, got other bytes") from None
        content_type, payload = read(path, decoded)
        at_us = _time_us(decoded) or message.log_time // 1_000
        yield Reading(at_us, at_us, content_type, payload)


def _time_us(decoded: Any) -> int:
    """The message's own time, for a scene that of its first entity or deletion; 0 for none."""
    stamp = getattr(decoded, "timestamp", None)
    if stamp is None:
        first = next(iter([*decoded.entities, *decoded.deletions]), None)
        stamp = None if first is None else first.timestamp
    return 0 if stamp is None else stamp.seconds * 1_000_000 + stamp.nanos // 1_000


def _image(path: Path, decoded: Any) -> tuple[str, bytes]:
    payload = bytes(decoded.data)
    return image_type(path, payload), payload


def _cloud(path: Path, decoded: Any) -> tuple[str, bytes]:
    """x, y, z in metres and intensity (0 where there is none), in the frame of the message."""
    fields = {field.name.lower(): field for field in decoded.fields}
    intensity = next((name for name in _INTENSITY if name in fields), None)
    wanted = {name: fields.get(name) for name in ("x", "y", "z")}
    stride = decoded.point_stride
    if None in wanted.values() or not stride or len(decoded.data) % stride:
        raise FeedError(
            f"{path}: expected points with x, y and z in {stride} bytes each, got fields "
            f"{', '.join(fields) or 'none'} in {len(decoded.data)} bytes"
        )
    if intensity is not None:
        wanted["intensity"] = fields[intensity]
    try:
        layout = np.dtype(
            {
                "names": list(wanted),
                "formats": [_NUMBERS[field.type] for field in wanted.values() if field],
                "offsets": [field.offset for field in wanted.values() if field],
                "itemsize": stride,
            }
        )
    except (KeyError, ValueError):
        raise FeedError(
            f"{path}: expected fields of known numbers within {stride} bytes a point, got others"
        ) from None
    raw = np.frombuffer(decoded.data, layout)
    points = np.zeros((len(raw), 4), np.float64)
    for column, name in enumerate(wanted):
        points[:, column] = raw[name]
    points[:, :3] = _posed(decoded, points[:, :3])
    # A lidar that got no return says so with NaN.
    points = points[np.isfinite(points).all(axis=1)]
    return POINTS_TYPE, points.astype("<f4").tobytes()


def _posed(decoded: Any, xyz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points in the message's frame; its pose says where their own is in it."""
    turn = decoded.pose.orientation
    x, y, z, w = turn.x, turn.y, turn.z, turn.w
    if x or y or z:
        norm = math.sqrt(x * x + y * y + z * z + w * w)
        axis = np.array([x, y, z]) / norm
        # v + 2w (q × v) + 2 q × (q × v), for a unit quaternion (q, w).
        across = np.cross(axis, xyz)
        xyz = xyz + 2.0 * (w / norm) * across + 2.0 * np.cross(axis, across)
    place = decoded.pose.position
    if not (place.x or place.y or place.z):
        # Nor is a negative zero made a positive one: what was exported comes back to the bit.
        return xyz
    moved: NDArray[np.float64] = xyz + np.array([place.x, place.y, place.z])
    return moved


def _scene(path: Path, decoded: Any) -> tuple[str, bytes]:
    """The entities' cubes as an object list; class and score are metadata, else unknown and 1."""
    objects = []
    frames = set()
    for entity in decoded.entities:
        told = {pair.key: pair.value for pair in entity.metadata}
        frames.add(entity.frame_id)
        for cube in entity.cubes:
            place, turn, size = cube.pose.position, cube.pose.orientation, cube.size
            yaw = math.atan2(
                2.0 * (turn.w * turn.z + turn.x * turn.y),
                1.0 - 2.0 * (turn.y * turn.y + turn.z * turn.z),
            )
            objects.append(
                {
                    "class": told.get("class", "unknown"),
                    "score": _score(told.get("score")),
                    "box3d": [place.x, place.y, place.z, size.x, size.y, size.z, yaw],
                    "id": entity.id,
                }
            )
    if len(frames) > 1:
        raise FeedError(
            f"{path}: expected the entities of one scene in one frame, got {len(frames)}"
        )
    body: dict[str, Any] = {"objects": objects}
    if frames and (frame := frames.pop()):
        body["frame"] = frame
    return "application/json", json.dumps(body, separators=(",", ":")).encode()


def _score(text: str | None) -> float:
    try:
        score = float(text or 1.0)
    except ValueError:
        return 1.0
    return score if 0.0 <= score <= 1.0 else 1.0


_Reader = Callable[[Path, Any], tuple[str, bytes]]
_READERS: Mapping[str, tuple[tuple[Modality, ...], _Reader]] = {
    "foxglove.CompressedImage": ((Modality.VIDEO, Modality.IMAGE), _image),
    "foxglove.PointCloud": ((Modality.POINTS,), _cloud),
    "foxglove.SceneUpdate": ((Modality.OBJECTS,), _scene),
}
