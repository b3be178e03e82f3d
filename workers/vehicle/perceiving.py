"""Raw sensors to the object lists that smart ones would have sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.payloads import DetectedObject
from schemas.perception import LidarClusters, OnnxDetector, Perceiver
from schemas.sample import Sample
from streams.compute import BadSample
from workers.codecs.image import read_pixels
from workers.codecs.media_type import parse_media_type
from workers.codecs.points import parse_points
from workers.errors import CodecError
from workers.vehicle.camera.detector import Detector
from workers.vehicle.fusion.lists import Holds
from workers.vehicle.lidar.sweeps import objects_of, rules_of

Raw = NDArray[Any]
#: Longer frames than any camera's, whose boxes are in pixels of the frame as it was sent.
MAX_SIDE_PX = 16_384


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A raw sample, ready to be looked at."""

    input: str
    sensor: str
    raw: Raw


class Perceives(Protocol):
    """One input's way from samples to objects: ``prepare`` may run on several threads at once,
    ``perceive`` on one at a time.
    """

    @property
    def holds(self) -> Holds:
        """What the lists hold."""

    @property
    def digest(self) -> str:
        """Of all that the objects depend on besides the sample."""

    def prepare(self, sample: Sample) -> Raw:
        """The sample's payload as an array. Raises ``CodecError``."""

    def perceive(self, raw: Raw) -> list[DetectedObject]:
        """The objects in it: boxes in the sensor's own frame, or in pixels. Raises ``ModelError``
        where a detector's output is none.
        """


class _Camera:
    holds = Holds.IMAGE

    def __init__(self, spec: OnnxDetector, threads: int) -> None:
        self._detector = Detector(spec, threads=threads)
        self.digest = f"{self._detector.digest}-{spec.model_dump_json(exclude={'file', 'labels'})}"

    def prepare(self, sample: Sample) -> Raw:
        media = parse_media_type(sample.content_type)
        return read_pixels(sample.payload, media, MAX_SIDE_PX)[:, :, ::-1]

    def perceive(self, raw: Raw) -> list[DetectedObject]:
        return self._detector.detect(raw)


class _Lidar:
    holds = Holds.BOXES

    def __init__(self, spec: LidarClusters) -> None:
        self._rules = rules_of(spec)
        self.digest = spec.model_dump_json()

    def prepare(self, sample: Sample) -> Raw:
        return parse_points(sample.payload, parse_media_type(sample.content_type))

    def perceive(self, raw: Raw) -> list[DetectedObject]:
        return objects_of(np.asarray(raw, np.float32), self._rules)


def open_perceivers(specs: Mapping[str, Perceiver], threads: int = 1) -> dict[str, Perceives]:
    """Input -> how its samples become objects. ``threads``: of one detector.

    Raises ``ModelError`` for a detector that cannot be used.
    """
    found: dict[str, Perceives] = {}
    for name, spec in specs.items():
        if isinstance(spec, OnnxDetector):
            found[name] = _Camera(spec, threads)
        else:
            found[name] = _Lidar(spec)
    return found


def glimpse(perceiver: Perceives, sample: Sample) -> Glimpse | BadSample:
    """A sample made ready, or why it cannot be; raises nothing for any payload."""
    try:
        return Glimpse(sample.input, sample.sensor, perceiver.prepare(sample))
    except CodecError as error:
        return BadSample(error.reason, type(error).__name__, str(error))
