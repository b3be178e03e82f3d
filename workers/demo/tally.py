"""What was fed, what came out and whether it was right, of one pipeline. Pure: time is given."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from schemas.event import Event
from schemas.result import Result
from schemas.units import iso_to_us

#: Share of labelled windows that must be right.
LEAST_ACCURACY = 0.95
#: Changes of events that are kept to be shown.
RECENT_EVENTS = 3
#: A session's key and a window's start in epoch microseconds.
WindowName = tuple[str, int]


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds from the end of a window, as played, to the reception of its final result."""

    p50: float | None
    p99: float | None


class Summary(msgspec.Struct, frozen=True):
    """One pipeline's run. ``accuracy`` is ``None`` where no window has a label."""

    pipeline: str
    samples_fed: int
    windows_expected: int
    windows_labelled: int
    results_final: int
    results_missing: int
    results_duplicated: int
    accuracy: float | None
    latency_ms: Latency
    dead_letters: int
    seconds: float

    @property
    def passed(self) -> bool:
        """Every window once and no other, and enough of the labelled ones right."""
        complete = self.results_missing == 0 and self.results_duplicated == 0
        right = self.accuracy is None or self.accuracy >= LEAST_ACCURACY
        return complete and right and self.results_final == self.windows_expected


class Tally:
    """Counts of one pipeline while it runs."""

    def __init__(
        self,
        pipeline: str,
        *,
        truth: Mapping[WindowName, Mapping[str, str]],
        size_us: int,
        speed: float,
        first_due_us: int,
        samples_expected: int,
    ) -> None:
        """``truth``: every window that has a sample -> its labels, empty where nobody can say.

        ``first_due_us``: event-time moment at which the first sample is handed over; ``speed``:
        event time that passes per wall time.
        """
        self.pipeline = pipeline
        self.truth = truth
        self.samples_expected = samples_expected
        self.samples_fed = 0
        self.dead_letters = 0
        #: Session -> its newest final result.
        self.newest: dict[str, Result] = {}
        #: The newest changes of events, newest last.
        self.recent_events: deque[Event] = deque(maxlen=RECENT_EVENTS)
        self.opened = 0
        self.closed = 0
        self._size_us = size_us
        self._speed = speed
        self._first_due_us = first_due_us
        #: When the first sample was played, monotonic seconds; ``None`` until then.
        self._played_from_s: float | None = None
        #: Window -> its first final result, and when it was received, monotonic seconds.
        self._finals: dict[WindowName, tuple[Result, float]] = {}
        self._published: Counter[WindowName] = Counter()

    @property
    def sessions(self) -> frozenset[str]:
        """The sessions that are fed."""
        return frozenset(session for session, _ in self.truth)

    @property
    def finals(self) -> int:
        """Windows that have their final result."""
        return len(self._finals)

    @property
    def complete(self) -> bool:
        """Whether every expected window has its final result."""
        return self.truth.keys() <= self._finals.keys()

    def fed(self, samples: int, seconds: float, now_s: float) -> None:
        """Note how many samples the broker has, ``seconds`` after the first was played."""
        self.samples_fed = samples
        if samples and self._played_from_s is None:
            self._played_from_s = now_s - seconds

    def add_result(self, result: Result, now_s: float) -> None:
        """Take a result in; repeats are counted."""
        if not result.final:
            return
        window = (result.session, iso_to_us(result.window.start))
        self._published[window] += 1
        if window not in self._finals:
            self._finals[window] = (result, now_s)
            self.newest[result.session] = result

    def add_event(self, event: Event) -> None:
        """Take a change of an event in."""
        self.opened += event.action == "opened"
        self.closed += event.action == "closed"
        self.recent_events.append(event)

    def is_right(self, result: Result) -> bool | None:
        """Whether all labelled tasks are right; ``None`` where the window has no label."""
        labels = self.truth.get((result.session, iso_to_us(result.window.start)), {})
        if not labels:
            return None
        return all(
            task in result.tasks and result.tasks[task].label == label
            for task, label in labels.items()
        )

    def summary(self, seconds: float) -> Summary:
        """The run so far; a labelled window without a result counts as wrong."""
        labelled = [window for window, labels in self.truth.items() if labels]
        right = sum(
            window in self._finals and self.is_right(self._finals[window][0]) is True
            for window in labelled
        )
        return Summary(
            pipeline=self.pipeline,
            samples_fed=self.samples_fed,
            windows_expected=len(self.truth),
            windows_labelled=len(labelled),
            results_final=len(self._finals),
            results_missing=len(self.truth.keys() - self._finals.keys()),
            results_duplicated=sum(count - 1 for count in self._published.values()),
            accuracy=round(right / len(labelled), 4) if labelled else None,
            latency_ms=_latency(self._latencies_ms()),
            dead_letters=self.dead_letters,
            seconds=round(seconds, 3),
        )

    def _latencies_ms(self) -> Iterable[float]:
        if self._played_from_s is None:
            return
        for (_, start_us), (_, received_s) in self._finals.items():
            ended_us = start_us + self._size_us - self._first_due_us
            ended_s = self._played_from_s + ended_us / 1e6 / self._speed
            yield (received_s - ended_s) * 1e3


def _latency(values_ms: Iterable[float]) -> Latency:
    ordered = sorted(values_ms)
    return Latency(p50=quantile(ordered, 0.5), p99=quantile(ordered, 0.99))


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """Nearest-rank quantile of ascending values, one decimal; ``None`` of none.

    >>> quantile([1.0, 2.0, 3.0, 4.0], 0.5), quantile([], 0.5)
    (2.0, None)
    """
    if not ordered:
        return None
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 1)
