"""Which of a sensor's kept samples a window uses: one pure function per matcher."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from streams.align.kept import Run
from streams.align.spec import AlignSpec, InputRule
from streams.align.types import SAMPLE, Entry

#: Starts of the two windows before one and of the window after it, where there are such.
Around = tuple[int | None, int | None, int | None]


def match(
    spec: AlignSpec,
    rule: InputRule,
    window_us: int,
    runs: Sequence[Run],
    held: Sequence[Run],
    triggers: Sequence[int],
) -> Sequence[Entry]:
    """The samples of one sensor that the window starting at ``window_us`` uses.

    ``runs``: what the session keeps of the sensor around the window; ``held``: what ``hold`` keeps
    of it; ``triggers``: starts of triggered windows around this one.
    """
    if rule.matcher == "hold":
        return hold(rule, window_us, window_us + spec.size_us, held)
    if rule.matcher == "nearest":
        if rule.exclusive:
            return exclusive(rule, window_us, runs, _neighbours(spec, window_us, triggers))
        found = nearest(rule, window_us, usable(runs, window_us))
        return () if found is None else (found,)
    return collect(window_us, window_us + spec.size_us, usable(runs, window_us))


def usable(runs: Iterable[Run], window_us: int) -> list[Entry]:
    """Records that came before the window was closed."""
    return [record for run in runs if run.after_us < window_us for record in run.records]


def collect(window_us: int, end_us: int, records: Iterable[Entry]) -> list[Entry]:
    """Every sample, or part of one, in the window."""
    return [
        one for one in records if window_us <= one.start_us < end_us and one.feature is not None
    ]


def nearest(rule: InputRule, window_us: int, records: Iterable[Entry]) -> Entry | None:
    """The sample closest to the reference; a tie goes to the earlier, then the lower offset."""
    reference_us = window_us + rule.reference_us
    candidates = [
        one
        for one in records
        if abs(one.start_us - reference_us) <= rule.tolerance_us and one.kind == SAMPLE
    ]
    return min(
        candidates,
        key=lambda one: (abs(one.start_us - reference_us), one.start_us, one.offset),
        default=None,
    )


def exclusive(
    rule: InputRule, window_us: int, runs: Sequence[Run], around: Around
) -> Sequence[Entry]:
    """``nearest`` without using a sample twice and without matches that cross.

    Each sample is for the window whose reference is the closest to it (on a tie the earlier), and
    of its own a window takes the nearest: the set around a reference has the smallest span that
    there is, as ROS's ApproximateTime policy has it for the messages around its pivot. A window
    without one of its own takes the last that the window before left over after its choice. Which
    windows there are and what they choose follows from event times alone.

    ``around``: starts of the two windows before this one and of the next, where there are such.
    """
    earlier_us, before_us, after_us = around
    records = usable(runs, window_us)
    own = nearest(rule, window_us, _cell(rule, before_us, window_us, after_us, records))
    if own is not None:
        return (own,)
    if before_us is None:
        return ()
    cell = _cell(rule, earlier_us, before_us, window_us, usable(runs, before_us))
    chosen = nearest(rule, before_us, cell)
    left = [one for one in cell if chosen is not None and _order(one) > _order(chosen)]
    found = nearest(rule, window_us, left)
    return () if found is None else (found,)


def _cell(
    rule: InputRule,
    before_us: int | None,
    window_us: int,
    after_us: int | None,
    records: Iterable[Entry],
) -> list[Entry]:
    """Records that are closer to this window's reference than to its neighbours'."""
    reference_us = rule.reference_us
    low = None if before_us is None else before_us + window_us + 2 * reference_us
    high = None if after_us is None else window_us + after_us + 2 * reference_us
    return [
        one
        for one in records
        if (low is None or 2 * one.start_us > low) and (high is None or 2 * one.start_us <= high)
    ]


def _order(record: Entry) -> tuple[int, int]:
    return record.start_us, record.offset


def _neighbours(spec: AlignSpec, window_us: int, triggers: Sequence[int]) -> Around:
    if not spec.trigger:
        return window_us - 2 * spec.tile_us, window_us - spec.tile_us, window_us + spec.tile_us
    before, after = bisect_left(triggers, window_us), bisect_right(triggers, window_us)
    return (
        triggers[before - 2] if before > 1 else None,
        triggers[before - 1] if before else None,
        triggers[after] if after < len(triggers) else None,
    )


def hold(rule: InputRule, window_us: int, end_us: int, held: Iterable[Run]) -> Sequence[Entry]:
    """The newest held sample from before the window's end, if it is not older than ``max_age``."""
    candidates = [
        one
        for one in usable(held, window_us)
        if one.start_us < end_us and one.start_us + rule.max_age_us >= end_us
    ]
    return (max(candidates, key=_order),) if candidates else ()
