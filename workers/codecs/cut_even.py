"""Values at even distances in time, an audio chunk's or a waveform's: their span, and runs of them.

Value i is sensed at ``start_us + i / rate``; it belongs to the run whose half-open span holds that
time. Rates are ratios of integers and nothing is rounded but the end of a span, so that whatever
the bounds, each value is in exactly one run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from schemas.units import US_PER_S


class Rate(NamedTuple):
    """``values`` in each ``seconds``, as ``as_integer_ratio`` of a rate in Hz gives them."""

    values: int
    seconds: int = 1


class Run(NamedTuple):
    """Values ``first`` to ``stop - 1``, at least one, which cover [start_us, end_us)."""

    start_us: int
    end_us: int
    first: int
    stop: int


def true_end_us(start_us: int, end_us: int, count: int, rate: Rate) -> int:
    """End of ``count`` values that a record says end at ``end_us``.

    That is believed where it is off by less than one value's length: ends are rounded, and clocks
    corrected. Otherwise, and where the record gives no duration, it is the values' own end,
    rounded to a microsecond. Either way it is after the last value's time.

    >>> true_end_us(0, 0, 1_600, Rate(16_000)), true_end_us(0, 100_003, 1_600, Rate(16_000))
    (100000, 100003)
    """
    value_us = US_PER_S * rate.seconds
    off_us = (end_us - start_us) * rate.values - count * value_us
    if end_us > start_us and abs(off_us) < value_us:
        return end_us
    return start_us + (count * value_us + rate.values // 2) // rate.values


def runs(
    start_us: int, end_us: int, count: int, rate: Rate, bounds_us: Sequence[int]
) -> Iterator[Run]:
    """The runs of ``count`` >= 1 values between ascending bounds that lie inside their span.

    Each begins at the start or a bound and ends where the next begins; the last ends at the end.
    A span between two bounds that is too short to hold a value is part of the run before it.

    >>> [tuple(run) for run in runs(0, 500, 4, Rate(8_000), [130, 140, 300])]
    [(0, 140, 0, 2), (140, 300, 2, 3), (300, 500, 3, 4)]
    """
    value_us = US_PER_S * rate.seconds
    begins = [(start_us, 0)]
    for bound_us in bounds_us:
        first = -((start_us - bound_us) * rate.values // value_us)
        if first >= count:
            break
        if first == begins[-1][1]:
            # The span that was begun last holds no value. The first one always holds value 0.
            begins.pop()
        begins.append((bound_us, first))
    begins.append((end_us, count))
    for (from_us, first), (until_us, stop) in pairwise(begins):
        yield Run(from_us, until_us, first, stop)
