"""How worlds change over time: smooth curves and steps, both bounded by their keyframes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from math import inf
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Curve:
    """Monotone cubic through (time_s, value) points, constant before the first and after the last.

    Slopes by Fritsch and Butland's harmonic mean, so the curve never leaves the range of two
    neighbouring points: an object placed in the next lane stays in it until told to change.

    >>> Curve([(0.0, 0.0), (2.0, 1.0)]).at(1.0)
    0.5
    """

    __slots__ = ("_slopes", "_times", "_values")

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        """Raises ``ValueError`` without points or where times do not ascend."""
        times = [float(time) for time, _ in points]
        if not times or any(b <= a for a, b in pairwise(times)):
            raise ValueError(f"expected keyframes in ascending time, got times {times}")
        values = [float(value) for _, value in points]
        spans = [b - a for a, b in pairwise(times)]
        secants = [(values[i + 1] - values[i]) / span for i, span in enumerate(spans)] or [0.0]
        inner = [
            _harmonic(secants[i], secants[i + 1], spans[i], spans[i + 1])
            for i in range(len(secants) - 1)
        ]
        self._times = times
        self._values = values
        self._slopes = [secants[0], *inner, secants[-1]]

    @property
    def start(self) -> float:
        """Time of the first keyframe, seconds."""
        return self._times[0]

    @property
    def end(self) -> float:
        """Time of the last keyframe, seconds."""
        return self._times[-1]

    def at(self, time_s: float) -> float:
        """The value at a time."""
        times = self._times
        if time_s <= times[0]:
            return self._values[0]
        if time_s >= times[-1]:
            return self._values[-1]
        i = bisect_right(times, time_s) - 1
        span = times[i + 1] - times[i]
        u = (time_s - times[i]) / span
        a, b = self._values[i], self._values[i + 1]
        ma, mb = self._slopes[i] * span, self._slopes[i + 1] * span
        c2 = 3.0 * (b - a) - 2.0 * ma - mb
        c3 = ma + mb - 2.0 * (b - a)
        return a + u * (ma + u * (c2 + u * c3))


def _harmonic(before: float, after: float, span_before: float, span_after: float) -> float:
    if before * after <= 0.0:
        return 0.0
    w_before = 2.0 * span_after + span_before
    w_after = span_after + 2.0 * span_before
    return (w_before + w_after) / (w_before / before + w_after / after)


class Steps(Generic[Value]):
    """A piecewise constant: each value holds from its start to the next one's.

    >>> mood = Steps([(0.0, "a"), (5.0, "b")])
    >>> mood.at(4.9), mood.throughout(1.0, 5.0), mood.throughout(4.0, 5.1)
    ('a', 'a', None)
    """

    __slots__ = ("_starts", "_values")

    def __init__(self, points: Sequence[tuple[float, Value]]) -> None:
        self._starts = [start for start, _ in points]
        self._values = [value for _, value in points]

    def at(self, time_s: float) -> Value:
        """The value at a time; the first one's before its start."""
        return self._values[max(0, bisect_right(self._starts, time_s) - 1)]

    def throughout(self, start_s: float, end_s: float) -> Value | None:
        """The one value of [start, end); ``None`` where it changes within."""
        first = max(0, bisect_right(self._starts, start_s) - 1)
        following = first + 1
        value = self._values[first]
        while following < len(self._starts) and self._starts[following] < end_s:
            if self._values[following] != value:
                return None
            following += 1
        return value

    def between(self, start_s: float, end_s: float) -> list[tuple[float, float, Value]]:
        """(start, end, value) of the steps that some of [start, end) lies in.

        >>> Steps([(0.0, "a"), (5.0, "b")]).between(6.0, 7.0)
        [(5.0, inf, 'b')]
        """
        first = max(0, bisect_right(self._starts, start_s) - 1)
        last = max(first + 1, bisect_left(self._starts, end_s))
        ends = [*self._starts[first + 1 : last + 1], inf]
        return [(self._starts[i], ends[i - first], self._values[i]) for i in range(first, last)]
