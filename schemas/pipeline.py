"""The pipeline file's types: inputs, window, model, events, with their defaults.

Reading a file, and errors that name its lines, are in ``schemas.pipeline_file``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from schemas.sample import Modality
from schemas.units import Duration, Size, to_us

#: Kafka topic names allow more; this subset is also safe in file names, Redis keys and metrics.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,47}$")]
SensorName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Probability = Annotated[float, Field(gt=0.0, lt=1.0)]

DEFAULT_CONTENT_TYPES = {
    Modality.VIDEO: "image/jpeg",
    Modality.AUDIO: "audio/pcm;rate=16000;channels=1;format=s16le",
    Modality.TEXT: "text/plain;charset=utf-8",
    Modality.OBJECTS: "application/json",
    Modality.POINTS: "application/vnd.sensorium.points;fields=xyzi;dtype=f32le",
    Modality.IMAGE: "image/jpeg",
    Modality.SERIES: "application/json",
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Collect(_Strict):
    """Every sample whose event time lies in the window."""

    kind: Literal["collect"] = "collect"


class Nearest(_Strict):
    """The one sample closest to the window's reference time, within ``tolerance``.

    A tie goes to the earlier sample, then to the lower offset.
    """

    kind: Literal["nearest"] = "nearest"
    tolerance: Duration = timedelta(milliseconds=100)
    reference: Literal["start", "middle", "end"] = "middle"


Matcher = Annotated[Collect | Nearest, Field(discriminator="kind")]


class InputSpec(_Strict):
    """One input topic: what its samples are and how they enter a window."""

    modality: Modality
    #: Sensors that the watermark waits for from a session's first sample on. Others that turn up
    #: are discovered and waited for from then on.
    sensors: tuple[SensorName, ...] = ()
    #: False: a declared sensor that has not been seen is waited for only until our reader has
    #: caught up once. One that was seen is waited for like any other.
    expected: bool = True
    #: The moment at which a chunk or segment takes place. ``end`` suits segments that come whole
    #: when they are over, where results must not wait for what began before them.
    event_time: Literal["start", "end"] = "start"
    matcher: Matcher = Collect()
    #: How far behind its newest event time a sensor's samples may still come.
    lateness: Duration = timedelta(milliseconds=500)
    #: Wall time of silence, once our reader is caught up, after which a sensor is not waited for.
    idle_after: Duration = timedelta(seconds=2)
    #: What a record without a content-type header is.
    content_type: str | None = None
    #: A larger record is a dead letter. The bound keeps one, headers included, within the largest
    #: request that a worker sends.
    max_bytes: Size = Field(default=4_000_000, gt=0, le=14_000_000)
    #: More samples of one sensor in one window are dropped and counted.
    max_samples_per_window: int = Field(default=1_000, gt=0, le=100_000)

    @property
    def lateness_us(self) -> int:
        return to_us(self.lateness)

    def aligned_span_us(self, start_us: int, end_us: int) -> tuple[int, int]:
        """The span of event time under which a sample is aligned."""
        return (end_us, end_us) if self.event_time == "end" else (start_us, end_us)

    @property
    def default_content_type(self) -> str:
        """The content type of a record that names none."""
        return self.content_type or DEFAULT_CONTENT_TYPES[self.modality]


class WindowSpec(_Strict):
    """Tumbling windows, aligned to the epoch."""

    kind: Literal["tumbling"] = "tumbling"
    size: Duration

    @property
    def size_us(self) -> int:
        return to_us(self.size)

    @model_validator(mode="after")
    def _positive(self) -> WindowSpec:
        if self.size_us < 1_000:
            raise ValueError("size: expected at least 1ms")
        return self


class ClockSpec(_Strict):
    """How far an event time may be from its record's Kafka timestamp before it is not believed."""

    max_ahead: Duration = timedelta(days=1)
    max_behind: Duration = timedelta(days=3650)


class ModelSpec(_Strict):
    """Which model fuses the windows: a shipped name or a folder with ``model.json``."""

    name: str
    max_batch: int = Field(default=64, gt=0, le=4096)


class EventSpec(_Strict):
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


class Limits(_Strict):
    """Caps that keep a shard's working memory bounded."""

    session_timeout: Duration = timedelta(minutes=10)
    #: Open windows of one session; a sample that would open one more is dropped and counted.
    max_open_windows: int = Field(default=10_000, gt=0)
    #: Sensors of one session; a sample of one more is dropped and counted.
    max_sensors: int = Field(default=64, gt=0, le=1_000)


class Pipeline(_Strict):
    """One pipeline file."""

    pipeline: Name
    description: str = ""
    partitions: int = Field(default=4, gt=0, le=1024)
    inputs: dict[Name, InputSpec] = Field(min_length=1)
    window: WindowSpec
    clock: ClockSpec = ClockSpec()
    model: ModelSpec
    events: tuple[EventSpec, ...] = ()
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _consistent(self) -> Pipeline:
        owners: dict[str, str] = {}
        for name, spec in self.inputs.items():
            if name in RESERVED_TOPICS:
                raise ValueError(f"inputs.{name}: the name is taken by an output topic")
            for sensor in spec.sensors:
                if sensor in owners:
                    raise ValueError(
                        f"inputs.{name}.sensors: {sensor!r} is already a sensor of "
                        f"input {owners[sensor]!r}; a sensor belongs to one input"
                    )
                owners[sensor] = name
        names = [event.name for event in self.events]
        if len(set(names)) != len(names):
            raise ValueError(f"events: expected distinct names, got {names}")
        return self

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
    def late_topic(self) -> str:
        return self.topic("late")

    @property
    def dlq_topic(self) -> str:
        return self.topic("dlq")


#: Suffixes of output topics; no input may take one.
RESERVED_TOPICS = ("results", "events", "late", "dlq", "shadow")
