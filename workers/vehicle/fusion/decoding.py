"""Payloads of object lists and of the vehicle's own motion to rows in the vehicle's frame."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec
import numpy as np

from schemas.payloads import DetectedObject, ObjectList, Readings
from schemas.sample import Sample
from streams.compute import BadSample
from workers.codecs.json_form import read_json
from workers.codecs.media_type import parse_media_type
from workers.codecs.objects import MAX_LISTED
from workers.errors import CodecError
from workers.vehicle.calibration.rig import Rig, image_boxes, transform_boxes
from workers.vehicle.fusion.classes import class_index
from workers.vehicle.fusion.lists import Holds, Listing, listing
from workers.vehicle.tracking.detections import Floats

log = logging.getLogger(__name__)

#: Farther away, in metres or pixels, nothing is believed; squares of it are still exact enough.
_FARTHEST = 1e6
#: Names of the frame that positions are in where a list names none, and of any rig's own.
VEHICLE_FRAMES = ("base_link", "ego", "vehicle")

_listings = msgspec.json.Decoder(ObjectList)
_arrays = msgspec.json.Decoder(list[DetectedObject])
_readings = msgspec.json.Decoder(Readings)


@dataclass(frozen=True, slots=True)
class Reading:
    """How payloads are read. ``classes``: the tracker's. ``holds``: input -> what its lists hold,
    where that is known. ``rig``: where the sensors are, if a calibration file says it. ``camera``:
    whose image boxes in space are projected into, where a list does not bring its own.
    """

    classes: tuple[str, ...]
    holds: Mapping[str, Holds] = field(default_factory=dict)
    rig: Rig | None = None
    camera: str | None = None

    def read(self, sample: Sample) -> Listing | BadSample:
        """The rows of a sample; what is wrong with it comes back as a ``BadSample``."""
        try:
            essence = parse_media_type(sample.content_type).essence
            if essence != "application/json":
                raise CodecError(
                    "unknown_content_type", f"expected application/json, got {essence!r:.80}"
                )
            if self.holds.get(sample.input) is Holds.EGO:
                return _ego(sample.input, read_json(sample.payload, _readings))
            return self._objects(sample)
        except CodecError as error:
            return BadSample(error.reason, "CodecError", str(error))

    def _objects(self, sample: Sample) -> Listing:
        if sample.payload.lstrip()[:1] == b"[":
            found = ObjectList(read_json(sample.payload, _arrays))
        else:
            found = read_json(sample.payload, _listings)
        if len(found.objects) > MAX_LISTED:
            raise CodecError(
                "too_many_objects",
                f"expected at most {MAX_LISTED} objects, got {len(found.objects)}",
            )
        return self.listed(sample.input, sample.sensor, found)

    def listed(self, input: str, sensor: str, found: ObjectList) -> Listing:
        """The rows of an object list. Raises ``CodecError`` where it is none."""
        objects = found.objects
        holds = self.holds.get(input) or guess(objects)
        for each in objects:
            _check(each, holds)
        if holds is Holds.BOXES:
            return self._boxes(input, sensor, found)
        if holds is Holds.IMAGE:
            rows = [(*(o.box2d or ()), *self._said(o)) for o in objects]
            return listing(holds, self._tracked(input, _rows(rows, 6)))
        if holds is Holds.RADAR:
            returns = _rows([(*_polar(o), o.range_rate or 0.0, o.score) for o in objects], 4)
            return Listing(holds, listing(holds, returns).rows, mount=self._mount(sensor))
        return listing(Holds.NOTHING, np.zeros((0, 0)))

    def _said(self, found: DetectedObject) -> tuple[float, float]:
        return found.score, float(class_index(found.class_, self.classes))

    def _tracked(self, input: str, rows: Floats) -> Floats:
        """The rows of a class that the tracker knows; the others are left out."""
        known = rows[:, -1] >= 0
        if not known.all():
            _warn_of_classes(input, self.classes)
        return rows[known]

    def _boxes(self, input: str, sensor: str, found: ObjectList) -> Listing:
        unknown = (math.nan,) * 4
        said = [(*(o.box3d or ()), *(o.box2d or unknown), *self._said(o)) for o in found.objects]
        rows = self._tracked(input, _rows(said, 13))
        camera = found.camera
        rows[:, :7] = self._placed(sensor, found.frame, rows[:, :7])
        if self.rig is not None and self.camera is not None and np.isnan(rows[:, 7]).all():
            camera = self.camera
            rows[:, 7:11] = image_boxes(self.rig.cameras[camera], rows[:, :7])
        return listing(Holds.BOXES, rows, camera)

    def own_frame(self, sensor: str) -> str | None:
        """Name of the frame in which a sensor sees, ``None`` where that is the vehicle's as far as
        is known.
        """
        return sensor if self.rig is not None and sensor in self.rig.to_frame else None

    def _placed(self, sensor: str, frame: str | None, boxes: Floats) -> Floats:
        """Boxes in the vehicle's frame."""
        if frame is None or frame in VEHICLE_FRAMES or (self.rig and frame == self.rig.frame):
            return boxes
        for name in (frame, sensor):
            if self.rig is not None and name in self.rig.to_frame:
                return transform_boxes(self.rig.to_frame[name], boxes)
        raise CodecError(
            "unknown_frame",
            f"objects: expected positions in the vehicle's frame, got frame {frame[:40]!r}, of "
            "which no calibration file tells where it is",
        )

    def _mount(self, sensor: str) -> tuple[float, float, float]:
        if self.rig is None or sensor not in self.rig.to_frame:
            return (0.0, 0.0, 0.0)
        matrix = self.rig.to_frame[sensor]
        yaw = math.atan2(matrix[1, 0], matrix[0, 0])
        return float(matrix[0, 3]), float(matrix[1, 3]), yaw


def guess(objects: Sequence[DetectedObject]) -> Holds:
    """What a list holds by its first object."""
    if not objects:
        return Holds.NOTHING
    first = objects[0]
    if first.box3d is not None:
        return Holds.BOXES
    if first.range is not None or first.position is not None:
        return Holds.RADAR
    return Holds.IMAGE if first.box2d is not None else Holds.NOTHING


def _check(found: DetectedObject, holds: Holds) -> None:
    """Raises ``CodecError`` where an object lacks what its list holds, or says what cannot be."""
    if not 0.0 <= found.score <= 1.0:
        raise CodecError("bad_json", "objects: expected a score from 0 to 1")
    _numbers(found.box2d, "box2d", (4,), needed=holds is Holds.IMAGE)
    _numbers(found.box3d, "box3d", (7,), needed=holds is Holds.BOXES)
    if found.box2d is not None:
        left, top, right, bottom = found.box2d
        if right < left or bottom < top:
            raise CodecError(
                "bad_json",
                "objects: expected x1, y1, x2, y2 in 'box2d', x2 and y2 the larger ones; give "
                "corners, not width and height",
            )
    if found.box3d is not None and min(found.box3d[3:6]) <= 0:
        raise CodecError("bad_json", "objects: expected a length, width and height above 0")
    polar = found.range is not None and found.bearing is not None
    _numbers(found.position, "position", (2, 3), needed=holds is Holds.RADAR and not polar)
    if holds is Holds.RADAR and found.range_rate is None:
        # Taken for 0, whatever stands still would seem to drive along.
        raise CodecError("bad_json", "objects: expected 'range_rate' in each, got none")
    others = (found.range, found.bearing, found.range_rate)
    _numbers([each for each in others if each is not None], "range", (0, 1, 2, 3), needed=False)


def _numbers(
    values: list[float] | None, name: str, lengths: tuple[int, ...], *, needed: bool
) -> None:
    if values is None:
        if needed:
            raise CodecError("bad_json", f"objects: expected {name!r} in each, got none")
        return
    if len(values) not in lengths:
        expected = " or ".join(map(str, lengths))
        raise CodecError("bad_json", f"objects: expected {expected} numbers in {name!r}")
    if not all(abs(value) <= _FARTHEST for value in values):
        raise CodecError("bad_json", f"objects: expected numbers up to {_FARTHEST:g} in {name!r}")


def _polar(found: DetectedObject) -> tuple[float, float]:
    if found.range is not None and found.bearing is not None:
        return found.range, found.bearing
    x, y = (found.position or [0.0, 0.0])[:2]
    return math.hypot(x, y), math.atan2(y, x)


def _rows(rows: Sequence[tuple[float, ...]], width: int) -> Floats:
    """float64 (n, width)."""
    return np.array(rows, np.float64).reshape(-1, width)


@lru_cache(maxsize=256)
def _warn_of_classes(input: str, classes: tuple[str, ...]) -> None:
    """Once for an input: a misspelt class would be missing from every result, unnoticed."""
    log.warning(
        "input %r: objects of other classes than %s, or of none, are not tracked; name them so, or "
        "choose another model",
        input,
        ", ".join(classes),
    )


@lru_cache(maxsize=256)
def _warn_of_speed(input: str) -> None:
    """Once for an input, as above."""
    log.warning(
        "input %r: a reading without 'speed_mps' says nothing of the vehicle's own motion; "
        "expected 'speed_mps' and 'yaw_rate_radps'",
        input,
    )


def _ego(input: str, found: Readings) -> Listing:
    speed, yaw_rate = found.get("speed_mps"), found.get("yaw_rate_radps")
    if speed is None:
        if "speed_mps" not in found:
            _warn_of_speed(input)
        return listing(Holds.NOTHING, np.zeros((0, 0)))
    if not (abs(speed) <= _FARTHEST and abs(yaw_rate or 0.0) <= _FARTHEST):
        raise CodecError("bad_json", f"series: expected numbers up to {_FARTHEST:g}")
    return listing(Holds.EGO, np.array([[speed, yaw_rate or 0.0]]))
