"""What a pipeline file says of an input: its sensors, their clocks, how samples are matched."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.sample import Modality
from schemas.spelling import Spelling
from schemas.strict import Strict
from schemas.units import Duration, SignedDuration, Size, to_us

#: Kafka topic names allow more; this subset is also safe in file names, Redis keys and metrics.
Name = Annotated[
    str,
    Spelling(
        r"^[a-z][a-z0-9_-]{0,47}$",
        "at most 48 lower-case letters, digits, '_' and '-', the first a letter",
    ),
]
SensorName = Annotated[
    str,
    Spelling(
        r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        "at most 64 letters, digits, '.', '_' and '-', the first a letter or digit",
    ),
]
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


class Collect(Strict):
    """Every sample whose event time lies in the window."""

    kind: Literal["collect"] = "collect"


class Overlap(Strict):
    """Chunks and segments are intervals: each is cut at the windows' bounds, audio by sample and
    words by their times, so that the parts of consecutive windows add up to the whole.
    """

    kind: Literal["overlap"] = "overlap"


class Nearest(Strict):
    """The one sample closest to the window's reference time, within ``tolerance``.

    A tie goes to the earlier sample, then to the lower offset. ``reference``: a moment of the
    window, or of a triggered window the ``trigger`` itself. ``exclusive``: no sample serves two
    windows, and matches never cross.
    """

    kind: Literal["nearest"] = "nearest"
    tolerance: Duration = timedelta(milliseconds=100)
    reference: Literal["start", "middle", "end", "trigger"] = "middle"
    exclusive: bool = False


class Hold(Strict):
    """The newest sample from before the window's end, not older than ``max_age`` at that end."""

    kind: Literal["hold"] = "hold"
    max_age: Duration = timedelta(hours=1)


Matcher = Annotated[Collect | Overlap | Nearest | Hold, Field(discriminator="kind")]


class SensorClock(Strict):
    """How a sensor's clock is put right: corrected time = sensor's time + correction.

    ``offset`` is known and fixed. ``estimate`` adds what the records' Kafka timestamps tell of the
    clock: its ``offset``, or its offset and ``drift``; ``min_delay`` is how long the quickest
    record is on its way from sensor to broker.
    """

    offset: SignedDuration = timedelta(0)
    estimate: Literal["none", "offset", "drift"] = "none"
    min_delay: Duration = timedelta(0)


class InputSpec(Strict):
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
    #: Correction of this input's clocks, and of single sensors that differ from it.
    clock: SensorClock = SensorClock()
    sensor_clocks: dict[SensorName, SensorClock] = Field(default_factory=dict)
    #: What to do when the memory that ``limits`` allows is full, or when more samples wait for the
    #: encoder than ``worker.max_queued_samples``: hold the input's reader back, or drop samples,
    #: the oldest kept or those that come; every drop is counted in its result.
    overload: Literal["wait", "drop_oldest", "drop_newest"] = "wait"

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

    def clock_of(self, sensor: str) -> SensorClock:
        """The clock correction of one sensor."""
        return self.sensor_clocks.get(sensor, self.clock)

    @model_validator(mode="after")
    def _cuttable(self) -> InputSpec:
        if self.matcher.kind == "overlap" and self.event_time == "end":
            raise ValueError(
                "matcher: overlap cuts whole intervals; expected event_time: start, got end"
            )
        return self
