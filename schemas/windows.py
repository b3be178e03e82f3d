"""What a pipeline file says of windows: their spans, and when their results are published."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from schemas.inputs import SensorName
from schemas.strict import Strict
from schemas.units import Duration, Size, format_duration, to_us

#: A sliding window may consist of so many steps at most: each sample is in that many windows.
MAX_STEPS = 64


class WindowSpec(Strict):
    """Spans of event time of one session.

    ``tumbling``: one after the other, aligned to the epoch. ``sliding``: one begins ``every`` so
    often, aligned to the epoch. ``triggered``: one per sample of the reference ``sensor``, from
    ``before`` that sample's event time on.
    """

    kind: Literal["tumbling", "sliding", "triggered"] = "tumbling"
    size: Duration
    every: Duration | None = None
    sensor: SensorName | None = None
    before: Duration = timedelta(0)

    @property
    def size_us(self) -> int:
        return to_us(self.size)

    @property
    def every_us(self) -> int:
        """Distance between the starts of two windows; the size where windows are triggered."""
        return self.size_us if self.every is None else to_us(self.every)

    @property
    def before_us(self) -> int:
        return to_us(self.before)

    @model_validator(mode="after")
    def _consistent(self) -> WindowSpec:
        if self.size_us < 1_000:
            raise ValueError(f"size: expected at least 1ms, got {format_duration(self.size)}")
        for key, kind in (("every", "sliding"), ("sensor", "triggered")):
            given = getattr(self, key) is not None
            if self.kind == kind and not given:
                raise ValueError(f"{key}: expected where kind is {kind}, got none; add it")
            if self.kind != kind and given:
                raise ValueError(self._misplaced(key, kind))
        if self.before_us and self.kind != "triggered":
            raise ValueError(self._misplaced("before", "triggered"))
        if self.before_us > self.size_us:
            raise ValueError(
                f"before: expected at most size ({format_duration(self.size)}), so that the "
                f"trigger is in its window, got {format_duration(self.before)}"
            )
        if not 1_000 <= self.every_us <= self.size_us <= MAX_STEPS * self.every_us:
            raise ValueError(
                f"every: expected at least 1ms, at most size and at least size/{MAX_STEPS}, where "
                f"size is {format_duration(self.size)}, got {self._every_text}"
            )
        if self.size_us % self.every_us:
            raise ValueError(
                f"size: expected a multiple of every ({self._every_text}), got "
                f"{format_duration(self.size)}"
            )
        return self

    @property
    def _every_text(self) -> str:
        return format_duration(self.size if self.every is None else self.every)

    def _misplaced(self, key: str, kind: str) -> str:
        return f"{key}: not expected where kind is {self.kind}; leave it out, or set kind: {kind}"


class ResultSpec(Strict):
    """When a window's results are published; exactly one of them is final.

    ``early_after``: a first result once the quickest sensor is this far past the window's end.
    ``allowed_lateness``: the window stays open for so long after the watermark has passed it, with
    a result when that happens and, if ``on_late``, one for every late sample that still came in;
    the final result follows at its end. Events are built from final results.
    """

    early_after: Duration | None = None
    allowed_lateness: Duration = timedelta(0)
    on_late: bool = True


class Limits(Strict):
    """Caps that keep a shard's working memory bounded."""

    session_timeout: Duration = timedelta(minutes=10)
    #: Open windows of one session; a sample that would open one more is dropped and counted.
    max_open_windows: int = Field(default=10_000, gt=0)
    #: Sensors of one session; a sample of one more is dropped and counted.
    max_sensors: int = Field(default=64, gt=0, le=1_000)
    #: Encoded bytes that one window, one session and one shard may keep; what would be more is
    #: shed as the input's ``overload`` says.
    max_window_bytes: Size = Field(default=16_000_000, gt=0)
    max_session_bytes: Size = Field(default=64_000_000, gt=0)
    max_shard_bytes: Size = Field(default=512_000_000, gt=0)
    #: How far, in event time, an input may be read ahead of the slowest that is not read to its
    #: end. Without one it follows from the windows and the lateness of the inputs.
    max_ahead: Duration | None = None
