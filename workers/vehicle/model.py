"""The model of pipelines that track objects: object lists in, objects with an identity out."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from schemas.inputs import InputSpec
from schemas.payloads import ObjectList
from schemas.pipeline import Pipeline
from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from workers.backends.base import Decoded
from workers.errors import ModelError, TrackingError
from workers.vehicle.calibration.reading import read_rig
from workers.vehicle.calibration.rig import Rig
from workers.vehicle.fusion.decoding import Reading
from workers.vehicle.fusion.lists import Holds, listing, pack
from workers.vehicle.fusion.manifest import TrackingModel, read_tracking_model
from workers.vehicle.fusion.observing import observation
from workers.vehicle.fusion.publishing import Publishing
from workers.vehicle.perceiving import Glimpse, glimpse, open_perceivers
from workers.vehicle.tracking import State, Tracker, camera_id

log = logging.getLogger(__name__)

_RAW = (Modality.VIDEO, Modality.IMAGE, Modality.POINTS)
_UNSEEN = pack(listing(Holds.NOTHING, np.zeros((0, 0))))

#: Changes with what features, or states, are made of.
_FEATURES, _STATES = "object lists 1", "tracks 1"
_HOLDS = {
    "boxes": Holds.BOXES,
    "image": Holds.IMAGE,
    "radar": Holds.RADAR,
    "ego": Holds.EGO,
}


class ObjectFusionModel:
    """``workers.backends.base.Model`` and ``StatefulModel`` around the tracker.

    A feature is an object list as rows in the vehicle's frame; the state is the session's tracks.
    It answers no task: its results have ``objects``.
    """

    def __init__(self, model: TrackingModel, pipeline: Pipeline) -> None:
        """Raises ``ModelError`` where the pipeline's windows or matchers would give the tracker a
        list twice, or its calibration file cannot be used.
        """
        _check_once(model.ref.name, pipeline)
        self._ref = model.ref
        self._tracker = Tracker(model.parameters)
        rig, digest = _rig(pipeline)
        self._perceivers = open_perceivers(pipeline.perception)
        holds = {name: _HOLDS[kind] for name, kind in pipeline.objects.inputs.items()}
        holds |= {name: each.holds for name, each in self._perceivers.items()}
        cameras = _cameras(pipeline, holds)
        projected = next((each for each in cameras if rig and each in rig.cameras), None)
        classes = model.parameters.classes
        self._reading = Reading(classes, holds, rig, projected)
        frame = "base_link" if rig is None else rig.frame
        self._publishing = Publishing(
            pipeline.pipeline,
            frame,
            classes,
            {camera_id(name): name for name in cameras},
            pipeline.objects.tentative,
        )
        kinds = sorted((name, int(kind)) for name, kind in holds.items())
        perceived = sorted((name, each.digest) for name, each in self._perceivers.items())
        self._features = _digest(_FEATURES, classes, kinds, digest, projected, perceived)
        self._states = _digest(_STATES, model.ref.digest, frame, digest)

    @property
    def ref(self) -> ModelRef:
        """How results name this model."""
        return self._ref

    @property
    def modalities(self) -> Collection[Modality]:
        """Object lists, series with the vehicle's own motion, frames and sweeps."""
        return (Modality.OBJECTS, Modality.SERIES, *_RAW)

    @property
    def tasks(self) -> Mapping[str, Sequence[str]]:
        """None."""
        return {}

    @property
    def features(self) -> str:
        """Digest of how lists are read: classes, kinds, calibration."""
        return self._features

    @property
    def states(self) -> str:
        """Digest of what tracks mean: parameters, frame, calibration."""
        return self._states

    @property
    def lanes(self) -> int:
        """One: numpy in this process."""
        return 1

    def decode(self, sample: Sample) -> bytes | Glimpse | BadSample:
        """The sample's rows, packed; of a raw sensor what is perceived in it later. Raises nothing
        for any input.
        """
        perceiver = self._perceivers.get(sample.input)
        if perceiver is not None:
            return glimpse(perceiver, sample)
        if sample.modality in _RAW:
            # Aligned, counted and shown; the pipeline file does not say how to look at it.
            return _UNSEEN
        found = self._reading.read(sample)
        return found if isinstance(found, BadSample) else pack(found)

    def encode(self, modality: Modality, decoded: Sequence[Decoded]) -> Sequence[bytes]:
        """What ``decode`` packed, or what is perceived in a raw sample. Raises ``ModelError`` where
        a detector's output is none.
        """
        return [self._seen(one) if isinstance(one, Glimpse) else one for one in decoded]

    def _seen(self, one: Glimpse) -> bytes:
        objects = self._perceivers[one.input].perceive(one.raw)
        found = ObjectList(objects, self._reading.own_frame(one.sensor))
        return pack(self._reading.listed(one.input, one.sensor, found))

    def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        """The objects after each window, at most one window of a session."""
        seen = [observation(window) for window in windows]
        states = [_state(window) for window in windows]
        after, objects = self._tracker.step(states, seen)
        return [
            Fusion(
                {},
                {},
                objects=self._publishing.told(window.session, found, given.ego),
                state=state.to_bytes(),
            )
            for window, given, found, state in zip(windows, seen, objects, after, strict=True)
        ]

    def warm(self, max_batch: int) -> None:
        """Nothing is compiled."""

    def close(self) -> None:
        """Nothing is open."""


def open_tracking(folder: Path, pipeline: Pipeline | None) -> ObjectFusionModel:
    """The model in a folder, for a pipeline. Raises ``ModelError``."""
    if pipeline is None:
        raise ModelError(str(folder), "expected a pipeline whose objects it is to track, got none")
    return ObjectFusionModel(read_tracking_model(folder), pipeline)


def _state(window: Window) -> State:
    if not window.model_state:
        return State()
    try:
        return State.from_bytes(window.model_state)
    except TrackingError as error:
        # It would be met again with every window to come.
        log.error("a session begins anew: %s", error)
        return State()


def _check_once(name: str, pipeline: Pipeline) -> None:
    """A list that is given twice would count as two looks."""
    if pipeline.window.kind == "sliding":
        raise ModelError(
            name, "expected tumbling or triggered windows, got sliding ones; choose another kind"
        )
    for input, spec in pipeline.inputs.items():
        if spec.modality is not Modality.SERIES and not _gives_once(spec):
            raise ModelError(
                name,
                f"input {input!r}: expected a matcher that gives each list once (collect, or "
                f"nearest with exclusive), got {spec.matcher.kind}",
            )


def _gives_once(spec: InputSpec) -> bool:
    matcher = spec.matcher
    return matcher.kind == "collect" or (matcher.kind == "nearest" and matcher.exclusive)


def _cameras(pipeline: Pipeline, holds: Mapping[str, Holds]) -> list[str]:
    return [
        sensor
        for name, spec in pipeline.inputs.items()
        if holds.get(name, Holds.IMAGE) is Holds.IMAGE
        for sensor in spec.sensors
    ]


def _rig(pipeline: Pipeline) -> tuple[Rig | None, str]:
    """Where the sensors are, and the digest of what says so. Raises ``CalibrationError``."""
    calibration = pipeline.calibration
    if calibration is None:
        return None, ""
    path = Path(calibration.file)
    rig = read_rig(path, calibration.sensors)
    return rig, _digest(path.read_bytes().hex(), sorted(calibration.sensors.items()))


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
