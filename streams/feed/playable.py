"""What can be played or aligned: samples in order, and what is known of them beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from schemas.pipeline import Pipeline
from schemas.units import iso_to_us
from streams.errors import FeedError
from streams.feed.item import FeedItem
from streams.feed.plan import FeedPlan


@dataclass(frozen=True, slots=True)
class Playable:
    """``items``: each call reads the samples anew, in ascending ``due_us``. ``count``: how many,
    where that is known. ``inputs``: those that get any.
    """

    items: Callable[[], Iterator[FeedItem]]
    sessions: tuple[str, ...]
    inputs: frozenset[str]
    count: int | None = None


def playable_plan(plan: FeedPlan) -> Playable:
    """A feed of files."""
    inputs = frozenset(placed.input for placed in plan.placements)
    return Playable(plan.items, plan.sessions, inputs, plan.count)


def shift_to(start: str, first_us: int, now_us: int, pipeline: Pipeline) -> int:
    """By how much recorded times are moved so that they begin at ``start``.

    ``recorded``: not at all. ``now`` or a time: by the most whole windows that do not begin later,
    so that what was in one window stays in one. Raises ``FeedError``.
    """
    if start == "recorded":
        return 0
    try:
        begin_us = now_us if start == "now" else iso_to_us(start)
    except ValueError:
        raise FeedError(
            "start: expected 'now', 'recorded' or an RFC 3339 time with its offset "
            f"(2026-01-31T08:00:00Z), got {start[:40]!r}; correct it"
        ) from None
    step_us = pipeline.window.size_us
    return (begin_us - first_us) // step_us * step_us


def shifted(items: Iterable[FeedItem], shift_us: int) -> Iterator[FeedItem]:
    """The same samples, so much later."""
    if not shift_us:
        yield from items
        return
    for item in items:
        yield replace(
            item,
            start_us=item.start_us + shift_us,
            end_us=item.end_us + shift_us,
            due_us=item.due_us + shift_us,
        )
