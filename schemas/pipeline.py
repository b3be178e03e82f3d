"""The pipeline file's types: inputs, windows, model, events, with their defaults.

Reading a file, and errors that name its lines, are in ``schemas.pipeline_file``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, model_validator

from schemas.inputs import InputSpec, Name, Nearest
from schemas.model import ModelSpec
from schemas.perception import TAKES, Perceiver
from schemas.sample import Modality
from schemas.situations import Calibration, ObjectsSpec, SituationSpec
from schemas.strict import Strict
from schemas.units import Duration
from schemas.windows import Limits, ResultSpec, WindowSpec

Probability = Annotated[float, Field(gt=0.0, lt=1.0)]


class ClockSpec(Strict):
    """How far an event time may be from its record's Kafka timestamp before it is not believed."""

    max_ahead: Duration = timedelta(days=1)
    max_behind: Duration = timedelta(days=3650)


class EventSpec(Strict):
    """One kind of event: a label of a task held with hysteresis for a minimum duration."""

    name: Name
    task: str
    label: str
    open_at: Probability = 0.7
    close_at: Probability = 0.4
    min_duration: Duration = timedelta(0)
    #: An open event is updated when its probability moved by this much since the last change.
    update_delta: Probability = 0.2

    @model_validator(mode="after")
    def _hysteresis(self) -> EventSpec:
        if self.close_at > self.open_at:
            raise ValueError(
                f"close_at: expected at most open_at ({self.open_at}), got {self.close_at}"
            )
        return self


class Pipeline(Strict):
    """One pipeline file."""

    pipeline: Name
    description: str = ""
    partitions: int = Field(default=4, gt=0, le=1024)
    inputs: dict[Name, InputSpec] = Field(min_length=1)
    window: WindowSpec
    results: ResultSpec = ResultSpec()
    clock: ClockSpec = ClockSpec()
    model: ModelSpec
    events: tuple[EventSpec, ...] = ()
    calibration: Calibration | None = None
    #: Input -> how its raw samples become lists of objects, for a model that tracks objects. One
    #: without an entry is aligned and shown, and nothing is perceived in it.
    perception: dict[Name, Perceiver] = Field(default_factory=dict)
    objects: ObjectsSpec = ObjectsSpec()
    situations: tuple[SituationSpec, ...] = ()
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _consistent(self) -> Pipeline:
        owners: dict[str, str] = {}
        for name, spec in self.inputs.items():
            if name in RESERVED_TOPICS:
                raise ValueError(
                    f"inputs.{name}: the name is taken by an output topic; choose another"
                )
            for sensor in spec.sensors:
                if sensor in owners:
                    raise ValueError(
                        f"inputs.{name}.sensors: {sensor!r} is already a sensor of "
                        f"input {owners[sensor]!r}; a sensor belongs to one input"
                    )
                owners[sensor] = name
            self._check_matcher(name, spec)
        if self.window.sensor is not None and self.window.sensor not in owners:
            raise ValueError(
                f"window.sensor: expected a sensor that an input declares, got "
                f"{self.window.sensor!r}; declare it under the input's sensors"
            )
        self._check_sent()
        self._check_perception()
        self._check_lists()
        for key in ("events", "situations"):
            names = [each.name for each in getattr(self, key)]
            if len(set(names)) != len(names):
                raise ValueError(f"{key}: expected distinct names, got {names}")
        return self

    def _check_sent(self) -> None:
        """A chat model is sent inputs that there are, of kinds that can be put into a message."""
        remote = self.model.remote
        if remote is None or remote.kind != "chat":
            return
        for name in remote.inputs or self.inputs:
            if name not in self.inputs:
                raise ValueError(
                    f"model.remote.inputs: expected names of inputs, got {name!r}; "
                    f"there are {', '.join(self.inputs)}"
                )
            if self.inputs[name].modality is Modality.POINTS:
                raise ValueError(
                    f"model.remote.inputs: a chat model cannot be sent points; list the inputs "
                    f"to send without {name!r}"
                )

    def _check_perception(self) -> None:
        for name, perceiver in self.perception.items():
            if name not in self.inputs:
                raise ValueError(
                    f"perception.{name}: expected the name of an input, got {name!r}; there are "
                    f"{', '.join(self.inputs)}"
                )
            takes = TAKES[perceiver.kind]
            if (modality := self.inputs[name].modality) not in takes:
                raise ValueError(
                    f"perception.{name}: {perceiver.kind} takes {' or '.join(takes)}, the input "
                    f"is of {modality}"
                )

    def _check_lists(self) -> None:
        """What lists hold is said of inputs that there are, and that can hold it."""
        for name, kind in self.objects.inputs.items():
            key = f"objects.inputs.{name}"
            if name not in self.inputs:
                raise ValueError(f"{key}: expected one of {', '.join(self.inputs)}, got {name!r}")
            modality = self.inputs[name].modality
            if name in self.perception:
                raise ValueError(
                    f"{key}: perception.{name} says already what its lists hold; leave it out"
                )
            if (kind == "ego") != (modality is Modality.SERIES):
                wanted = "a series" if kind == "ego" else "objects"
                raise ValueError(f"{key}: {kind} needs an input of {wanted}, got {modality.value}")

    def _check_matcher(self, name: str, spec: InputSpec) -> None:
        triggered = self.window.kind == "triggered"
        if triggered and spec.matcher.kind == "overlap":
            raise ValueError(
                f"inputs.{name}.matcher: overlap cuts at bounds that are known beforehand; "
                "expected tumbling or sliding windows, or another matcher"
            )
        by_trigger = isinstance(spec.matcher, Nearest) and spec.matcher.reference == "trigger"
        if by_trigger and not triggered:
            raise ValueError(f"inputs.{name}.matcher.reference: trigger needs a triggered window")

    def topic(self, suffix: str) -> str:
        """The topic of an input or output of this pipeline."""
        return f"{self.pipeline}.{suffix}"

    @property
    def results_topic(self) -> str:
        return self.topic("results")

    @property
    def events_topic(self) -> str:
        return self.topic("events")

    @property
    def shadow_topic(self) -> str:
        return self.topic("shadow")

    @property
    def late_topic(self) -> str:
        return self.topic("late")

    @property
    def dlq_topic(self) -> str:
        return self.topic("dlq")


#: Suffixes of output topics; no input may take one.
RESERVED_TOPICS = ("results", "events", "late", "dlq", "shadow")
