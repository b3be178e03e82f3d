"""Which of a sensor's kept samples a window uses: one pure function per matcher."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from streams.align.kept import PART, SAMPLE, Kept
from streams.align.spec import AlignSpec, InputRule

#: Starts of the two windows before one and of the window after it, where there are such.
Around = tuple[int | None, int | None, int | None]


def match(
    spec: AlignSpec,
    rule: InputRule,
    window_us: int,
    kept: Sequence[Kept],
    held: Sequence[Kept],
    triggers: Sequence[int],
) -> Sequence[Kept]:
    """The samples of one sensor that the window starting at ``window_us`` uses.

    ``kept``: what the session keeps of the sensor in tiles; ``held``: what ``hold`` keeps of it;
    ``triggers``: starts of triggered windows around this one.
    """
    if rule.matcher == "hold":
        return hold(rule, window_us, window_us + spec.size_us, held)
    if rule.matcher == "nearest":
        if rule.exclusive:
            return exclusive(rule, window_us, kept, _neighbours(spec, window_us, triggers))
        found = nearest(rule, window_us, kept)
        return () if found is None else (found,)
    return collect(window_us, window_us + spec.size_us, kept)


def collect(window_us: int, end_us: int, kept: Iterable[Kept]) -> list[Kept]:
    """Every sample, or part of one, in the window."""
    return [
        one
        for one in kept
        if window_us <= one.start_us < end_us
        and one.kind in (SAMPLE, PART)
        and one.after_us < window_us
    ]


def nearest(rule: InputRule, window_us: int, kept: Iterable[Kept]) -> Kept | None:
    """The sample closest to the reference; a tie goes to the earlier, then the lower offset."""
    reference_us = window_us + rule.reference_us
    candidates = [
        one
        for one in kept
        if abs(one.start_us - reference_us) <= rule.tolerance_us
        and one.kind == SAMPLE
        and one.after_us < window_us
    ]
    return min(
        candidates,
        key=lambda one: (abs(one.start_us - reference_us), one.start_us, one.offset),
        default=None,
    )


def exclusive(
    rule: InputRule, window_us: int, kept: Sequence[Kept], around: Around
) -> Sequence[Kept]:
    """``nearest`` without using a sample twice and without matches that cross.

    Each sample is for the window whose reference is the closest to it (on a tie the earlier), and
    of its own a window takes the nearest: the set around a reference has the smallest span that
    there is, as ROS's ApproximateTime policy has it for the messages around its pivot. A window
    without one of its own takes the last that the window before left over after its choice. Which
    windows there are and what they choose follows from event times alone.

    ``around``: starts of the two windows before this one and of the next, where there are such.
    """
    earlier_us, before_us, after_us = around
    own = nearest(rule, window_us, _cell(rule, before_us, window_us, after_us, kept))
    if own is not None:
        return (own,)
    if before_us is None:
        return ()
    cell = _cell(rule, earlier_us, before_us, window_us, kept)
    chosen = nearest(rule, before_us, cell)
    left = [one for one in cell if chosen is not None and _order(one) > _order(chosen)]
    found = nearest(rule, window_us, left)
    return () if found is None else (found,)


def _cell(
    rule: InputRule,
    before_us: int | None,
    window_us: int,
    after_us: int | None,
    kept: Iterable[Kept],
) -> list[Kept]:
    """Samples that are closer to this window's reference than to its neighbours'."""
    reference_us = rule.reference_us
    low = None if before_us is None else before_us + window_us + 2 * reference_us
    high = None if after_us is None else window_us + after_us + 2 * reference_us
    return [
        one
        for one in kept
        if (low is None or 2 * one.start_us > low) and (high is None or 2 * one.start_us <= high)
    ]


def _order(kept: Kept) -> tuple[int, int]:
    return kept.start_us, kept.offset


def _neighbours(spec: AlignSpec, window_us: int, triggers: Sequence[int]) -> Around:
    if not spec.trigger:
        return window_us - 2 * spec.tile_us, window_us - spec.tile_us, window_us + spec.tile_us
    before, after = bisect_left(triggers, window_us), bisect_right(triggers, window_us)
    return (
        triggers[before - 2] if before > 1 else None,
        triggers[before - 1] if before else None,
        triggers[after] if after < len(triggers) else None,
    )


def hold(rule: InputRule, window_us: int, end_us: int, held: Iterable[Kept]) -> Sequence[Kept]:
    """The newest held sample from before the window's end, if it is not older than ``max_age``."""
    candidates = [
        one
        for one in held
        if one.start_us < end_us
        and one.start_us + rule.max_age_us >= end_us
        and one.after_us < window_us
    ]
    return (max(candidates, key=_order),) if candidates else ()
