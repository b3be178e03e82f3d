"""What sensors saw, as arrays: the tracker's input.

The frame of positions is the vehicle's: x forward, y left, z up, metres (ISO 8855); yaw about z,
0 along x, counter-clockwise, radians. Boxes in space are given by their centre. Boxes in an image
are x1, y1, x2, y2 in pixels of one camera, which is named.
"""

from __future__ import annotations

import enum
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]


class Kind(enum.IntEnum):
    """What a list holds; also the order in which lists of one moment are taken in."""

    BOXES = 0
    IMAGE = 1
    RADAR = 2


@dataclass(frozen=True, slots=True)
class BoxList:
    """Boxes in space of one sensor (lidar, stereo, a smart sensor) at one moment.

    ``boxes`` (n, 7): x, y, z, length, width, height, yaw. ``scores`` (n,): 0 to 1. ``classes``
    (n,): index into ``Parameters.classes``. ``image_boxes`` (n, 4): the same objects in the image
    of ``camera``, NaN where not known.
    """

    sensor: str
    time_us: int
    boxes: Floats
    scores: Floats
    classes: Integers
    image_boxes: Floats | None = None
    camera: str | None = None


@dataclass(frozen=True, slots=True)
class ImageList:
    """Boxes in the image of the camera ``sensor`` at one moment. ``boxes`` (n, 4)."""

    sensor: str
    time_us: int
    boxes: Floats
    scores: Floats
    classes: Integers


@dataclass(frozen=True, slots=True)
class RadarList:
    """Returns of one radar at one moment, each array (n,).

    ``ranges_m`` and ``bearings_rad`` (counter-clockwise) from the radar, which is mounted at
    ``mount``: x, y, yaw in the vehicle's frame. ``range_rates_mps``: as measured, so with the
    car's own speed in it; negative is approaching.
    """

    sensor: str
    time_us: int
    ranges_m: Floats
    bearings_rad: Floats
    range_rates_mps: Floats
    scores: Floats
    mount: tuple[float, float, float] = (0.0, 0.0, 0.0)


SensorList: TypeAlias = BoxList | ImageList | RadarList


@dataclass(frozen=True, slots=True)
class EgoMotion:
    """How the car moves at the observation's time: m/s along x, rad/s counter-clockwise."""

    speed_mps: float
    yaw_rate_radps: float


@dataclass(frozen=True, slots=True)
class Observation:
    """All that one session's sensors gave for one window.

    A sensor that is silent or idle has no list here and takes nothing from any track; one that
    looked and saw nothing has an empty list. ``time_us``: the moment that the objects are wanted
    for. ``ego``: where known, the car's own motion is taken out and velocities are over ground.
    """

    time_us: int
    lists: Sequence[SensorList] = ()
    ego: EgoMotion | None = None


def camera_id(name: str | None) -> int:
    """A camera's name as 32 bits, 0 for none: the same in every process and whatever the order of
    cameras; two of a car's few cameras sharing one is a chance in a hundred million.
    """
    return zlib.crc32(name.encode()) or 1 if name is not None else 0


_KINDS: dict[type, Kind] = {BoxList: Kind.BOXES, ImageList: Kind.IMAGE, RadarList: Kind.RADAR}


def kind_of(each: SensorList) -> Kind:
    """Which kind a list is of."""
    return _KINDS[type(each)]


def in_order(lists: Sequence[SensorList]) -> list[SensorList]:
    """Lists by time, kind and name, whatever the order in which they came."""
    return sorted(lists, key=lambda each: (each.time_us, kind_of(each), each.sensor))


@dataclass(slots=True)
class Detections:
    """One list of each of several sessions, laid end to end; (n, …) arrays, NaN where not known.

    ``session`` (n,) ascending: index in the batch. Within a session the surest is first, and equal
    scores are ordered by value: the order in which a sensor lists its objects has no effect.
    """

    kind: Kind
    session: Integers
    scores: Floats
    classes: Integers
    boxes: Floats
    image_boxes: Floats
    cameras: Integers
    radar: Floats
    mount: Floats
    count: int = field(init=False)

    def __post_init__(self) -> None:
        self.count = len(self.session)


def gather(kind: Kind, sessions: Sequence[int], lists: Sequence[SensorList]) -> Detections:
    """Lists of one kind, one per session (ascending), as one. Rows with a value that is not finite
    where one is needed are left out.
    """
    counts = np.array([len(each.scores) for each in lists], np.int64)
    session = np.repeat(np.asarray(sessions, np.int64), counts)
    n = len(session)
    scores = _joined([each.scores for each in lists], n, 0)
    classes = np.zeros(n, np.int64)
    boxes, image = np.full((n, 7), np.nan), np.full((n, 4), np.nan)
    radar, mount = np.full((n, 3), np.nan), np.zeros((n, 3))
    cameras = np.zeros(n, np.int64)
    if kind is Kind.BOXES:
        spaces = [each for each in lists if isinstance(each, BoxList)]
        boxes = _joined([each.boxes for each in spaces], n, 7)
        classes = _classes([each.classes for each in spaces])
        image = _joined(
            [
                np.full((len(each.scores), 4), np.nan)
                if each.image_boxes is None
                else each.image_boxes
                for each in spaces
            ],
            n,
            4,
        )
        cameras = np.repeat(np.array([camera_id(e.camera) for e in spaces], np.int64), counts)
        needed = boxes
    elif kind is Kind.IMAGE:
        images = [each for each in lists if isinstance(each, ImageList)]
        image = _joined([each.boxes for each in images], n, 4)
        classes = _classes([each.classes for each in images])
        cameras = np.repeat(np.array([camera_id(e.sensor) for e in images], np.int64), counts)
        needed = image
    else:
        radars = [each for each in lists if isinstance(each, RadarList)]
        columns = [(e.ranges_m, e.bearings_rad, e.range_rates_mps) for e in radars]
        radar = np.stack([_joined([c[i] for c in columns], n, 0) for i in range(3)], axis=1)
        mount = np.repeat(np.array([e.mount for e in radars], np.float64), counts, axis=0)
        needed = radar
    good = np.isfinite(needed).all(axis=1) & np.isfinite(scores)
    keys = [*np.where(np.isnan(needed), 0.0, needed).T[::-1], classes, -scores, session]
    order = np.lexsort(keys)
    order = order[good[order]]
    return Detections(
        kind,
        session[order],
        np.ascontiguousarray(scores[order]),
        classes[order],
        np.ascontiguousarray(boxes[order]),
        np.ascontiguousarray(image[order]),
        cameras[order],
        np.ascontiguousarray(radar[order]),
        np.ascontiguousarray(mount[order]),
    )


def _joined(parts: Sequence[Floats], n: int, width: int) -> Floats:
    if not n:
        return np.zeros((0, width) if width else 0)
    parts = [part for part in parts if len(part)]
    return np.concatenate(parts).astype(np.float64, copy=False)


def _classes(parts: Sequence[Integers]) -> Integers:
    return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)
