"""What is known of one window: the facts that are drawn for people or written as JSON.

Event times are epoch microseconds, corrected as the window's result says; payloads are not here.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from schemas.contributions import Contributions
from schemas.result import Cause, ModelRef, Quality, SensorUse, TaskResult

#: ``used``: the model had it. ``unused``: the window's, but the matcher chose another. ``other``: a
#: neighbouring window's. ``late`` and ``invalid``: diverted, as too late or as unreadable.
Kind = Literal["used", "unused", "other", "late", "invalid"]


class Span(msgspec.Struct, frozen=True, order=True):
    """Event time [start_us, end_us)."""

    start_us: int
    end_us: int


class Revision(msgspec.Struct, frozen=True):
    """One published result of the window; ``offset`` on the results topic, wall times in ms."""

    revision: int
    cause: Cause
    final: bool
    id: str
    offset: int
    completed_at_ms: int
    wait_ms: float
    fuse_ms: float


class Closing(msgspec.Struct, frozen=True):
    """What the session was waiting for when the result was made.

    ``recorded``: False for a result of a worker that did not write it down yet. ``watermark_us``:
    ``None`` where everything was flushed. ``idle``: sensors that were not waited for.
    """

    recorded: bool
    watermark_us: int | None
    idle: tuple[str, ...]


class SampleMark(msgspec.Struct, frozen=True):
    """One sample as it lies in event time; an instant has ``start_us`` = ``end_us``.

    ``sensor``: its label in the result, or its name where the result has none. ``offset``: on the
    input's topic. ``stamped_ms``: the Kafka timestamp, -1 where there is none. ``time_known``:
    False where the event time could not be read and the Kafka timestamp stands for it.
    ``reason``, ``late_by_ms``: why it was diverted, and how far behind its limit it was.
    """

    sensor: str
    input: str
    kind: Kind
    start_us: int
    end_us: int
    offset: int
    stamped_ms: int
    value_bytes: int
    time_known: bool = True
    reason: str | None = None
    late_by_ms: float | None = None


class SensorFacts(msgspec.Struct, frozen=True):
    """One sensor: what the result says of it, and how its input is matched.

    ``reference_us``: the moment that ``nearest`` looked for. ``unread``: samples that the result
    counts and that could not be read, because the topic no longer has them or they were too many.
    ``timed_at_end``: its samples count in the window that holds their end.
    """

    name: str
    use: SensorUse
    matcher: str
    reference_us: int | None = None
    timed_at_end: bool = False
    unread: int = 0


class Explanation(msgspec.Struct, frozen=True):
    """Everything that is shown of one window, of its newest revision where they differ.

    ``view``: the span that is drawn, the window and a margin on each side; ``previous`` and
    ``next``: the spans of the neighbouring windows that have results. ``samples``: those that
    touch the view, in order of time. ``limits``: what was not looked at, one sentence each.
    ``shares``: the model's own, of modalities; ``contributions``: where the result has them.
    """

    pipeline: str
    session: str
    partition: int
    result_id: str
    window: Span
    view: Span
    previous: Span | None
    next: Span | None
    revisions: tuple[Revision, ...]
    closing: Closing
    quality: Quality
    answers: dict[str, TaskResult]
    model: ModelRef
    sensors: tuple[SensorFacts, ...]
    samples: tuple[SampleMark, ...]
    limits: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    shares: dict[str, float] = {}
    contributions: Contributions | None = None

    @property
    def final(self) -> bool:
        """Whether the newest revision is the last."""
        return self.revisions[-1].final


class NotFound(msgspec.Struct, frozen=True):
    """No such window; ``nearby``: windows of the session that have results, none where it has none.

    ``partition``: the one that was searched, of ``partitions``.
    """

    topic: str
    partition: int
    partitions: int
    nearby: tuple[Span, ...] = ()
