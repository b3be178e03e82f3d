"""Object lists of smart sensors and radars."""

from __future__ import annotations

import math
import zlib

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.payloads import DetectedObject, ObjectList
from workers.codecs.json_form import read_json
from workers.codecs.media_type import MediaType
from workers.errors import CodecError

#: The most objects of one list that are looked at: the surest, then the nearest.
MAX_OBJECTS = 64
#: A longer list is refused before anything is computed from it.
MAX_LISTED = 4_096

#: Class names as data sets write them, by slot; other names share the four slots after these.
_CLASSES = (
    ("car", "vehicle", "van"),
    ("truck", "trailer", "construction_vehicle"),
    ("bus", "tram"),
    ("pedestrian", "person", "person_sitting"),
    ("cyclist", "bicycle", "bicyclist"),
    ("motorcycle", "motorcyclist"),
    ("animal",),
    ("traffic_cone", "barrier"),
    ("traffic_sign", "traffic_light"),
    ("unknown", "misc", "other"),
)
_SLOT = {name: slot for slot, names in enumerate(_CLASSES) for name in names}
_SPARE_SLOTS = 4
CLASS_SLOTS = len(_CLASSES) + _SPARE_SLOTS
#: After the class: score; 2-D box flag, center and size; position flag, x, y, z, range, nearness;
#: 3-D size flag, length, width, height, sin and cos of yaw; range-rate flag and value.
WIDTH = CLASS_SLOTS + 1 + 5 + 6 + 6 + 2

_BOX2D_SCALE_PX = 1_000.0
_POSITION_SCALE_M = 50.0
_SIZE_SCALE_M = 5.0
_RANGE_RATE_SCALE_MPS = 20.0
#: Nearness is e^(-range / this): it tells 5 m from 10 m where range / 50 m barely does.
_NEARNESS_M = 15.0
#: Scaled values are cut here; a position 200 m away is as good as any farther one.
_LIMIT = 4.0


_listings = msgspec.json.Decoder(ObjectList)
_arrays = msgspec.json.Decoder(list[DetectedObject])


def class_slot(name: str) -> int:
    """Slot of a class name, 0 to CLASS_SLOTS - 1; ``vehicle.car`` is read as ``car``.

    >>> class_slot("Car") == class_slot("vehicle.car")
    True
    """
    lowered = name.strip().lower().replace(" ", "_")
    slot = _SLOT.get(lowered, _SLOT.get(lowered.split(".")[-1]))
    if slot is None:
        slot = len(_CLASSES) + zlib.crc32(lowered.encode()) % _SPARE_SLOTS
    return slot


def _vector(values: list[float] | None, lengths: tuple[int, ...], name: str) -> list[float] | None:
    if values is not None and len(values) not in lengths:
        expected = " or ".join(map(str, lengths))
        raise CodecError("bad_json", f"objects: expected {expected} numbers in {name!r}")
    return values


def _row(item: DetectedObject) -> NDArray[np.float32]:
    row = np.zeros(WIDTH, np.float32)
    row[class_slot(item.class_)] = 1.0
    rest = row[CLASS_SLOTS:]
    if not 0.0 <= item.score <= 1.0:
        raise CodecError("bad_json", "objects: expected a score from 0 to 1")
    rest[0] = item.score
    if box := _vector(item.box2d, (4,), "box2d"):
        x1, y1, x2, y2 = (value / _BOX2D_SCALE_PX for value in box)
        rest[1:6] = 1.0, (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1
    box = _vector(item.box3d, (7,), "box3d")
    position = _vector(item.position, (2, 3), "position")
    if center := position or (box[:3] if box else None):
        x, y, z = (*center, 0.0)[:3]
        distance = math.hypot(x, y)
        near = math.exp(-distance / _NEARNESS_M)
        rest[6:11] = 1.0, *(value / _POSITION_SCALE_M for value in (x, y, z, distance))
        rest[11] = near
    if box:
        sizes = (value / _SIZE_SCALE_M for value in box[3:6])
        rest[12:18] = 1.0, *sizes, math.sin(box[6]), math.cos(box[6])
    if item.range_rate is not None:
        rest[18:20] = 1.0, item.range_rate / _RANGE_RATE_SCALE_MPS
    return row


def _importance(item: DetectedObject) -> tuple[float, float]:
    place = item.position or item.box3d or [0.0, 0.0]
    return -item.score, math.hypot(place[0], place[1]) if len(place) > 1 else 0.0


def decode_objects(payload: bytes, media: MediaType) -> NDArray[np.float32]:
    """An object list as float32 (objects, WIDTH), 0 to MAX_OBJECTS rows: an empty list is an
    answer (nothing is there).

    The payload is ``{"objects": [...]}`` or a bare list. Raises ``CodecError``:
    ``unknown_content_type``, ``not_utf8``, ``not_json``, ``bad_json``, ``too_many_objects``.
    """
    if media.essence != "application/json":
        raise CodecError(
            "unknown_content_type", f"expected application/json, got {media.essence!r:.80}"
        )
    if payload.lstrip()[:1] == b"[":
        items = read_json(payload, _arrays)
    else:
        items = read_json(payload, _listings).objects
    if len(items) > MAX_LISTED:
        raise CodecError(
            "too_many_objects", f"expected at most {MAX_LISTED} objects, got {len(items)}"
        )
    if len(items) > MAX_OBJECTS:
        items = sorted(items, key=_importance)[:MAX_OBJECTS]
    rows = np.zeros((len(items), WIDTH), np.float32)
    for index, item in enumerate(items):
        rows[index] = _row(item)
    return np.clip(rows, -_LIMIT, _LIMIT)
