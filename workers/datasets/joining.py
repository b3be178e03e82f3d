"""Labels of intervals given to windows, by a stated rule.

``most``: the label that covers most of the window; of two that cover as much, the one that begins
earlier. Intervals of the same label add up. ``end``: the label that holds at the window's end, the
one that began earlier where several do: what a listener would say when the window is over.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Literal, NamedTuple

from workers.datasets.base import Cleaned, Label

Rule = Literal["most", "end"]
#: A label has to be true of at least this share of what is judged.
LEAST_COVER = 0.5


class Span(NamedTuple):
    """A window: what of it matters to labels. ``end_us`` is not in it."""

    session: str
    start_us: int
    end_us: int


class Given(NamedTuple):
    """What a window was given for one task. ``cover``: share of the window that the label covers,
    0 to 1. ``others``: whether labels of other names reach into the window too.
    """

    label: str
    cover: float
    others: bool


class _Track:
    """The intervals of one session and task, by start."""

    def __init__(self, labels: Sequence[Label]) -> None:
        self.labels = sorted(labels, key=lambda one: (one.start_us, one.end_us, one.label))
        self._starts = [one.start_us for one in self.labels]
        #: Latest end so far: never descends, so what ends before a window is found by bisection.
        self._ends = list(accumulate((one.end_us for one in self.labels), max))

    def within(self, span: Span) -> list[Label]:
        """Intervals that share more than an instant with a window, by start."""
        first = bisect_right(self._ends, span.start_us)
        last = bisect_right(self._starts, span.end_us - 1)
        return [one for one in self.labels[first:last] if one.end_us > span.start_us]


class Joiner:
    """Gives windows their labels. ``min_cover``: a label that covers less of the window (0 to 1) is
    none. ``cleaned``: what was done to the labels beforehand: those that occur twice are dropped,
    and those of one name that overlap or touch become one.
    """

    def __init__(
        self, labels: Iterable[Label], rule: Rule = "most", min_cover: float = LEAST_COVER
    ) -> None:
        if not 0 <= min_cover <= 1:
            raise ValueError(f"min_cover: expected 0 to 1, got {min_cover}")
        self._rule = rule
        self._min_cover = min_cover
        by_track: dict[tuple[str, str], list[Label]] = {}
        for label in labels:
            by_track.setdefault((label.session, label.task), []).append(label)
        tidied = {key: _tidied(given) for key, given in by_track.items()}
        dropped = sum(drops for _, drops, _ in tidied.values())
        merged = sum(merges for *_, merges in tidied.values())
        self.cleaned: tuple[Cleaned, ...] = tuple(
            one
            for one in (
                Cleaned("dropped", "label that is there twice", dropped),
                Cleaned("repaired", "label that goes on where one of its name was", merged),
            )
            if one.number
        )
        self.labels = [label for kept, *_ in tidied.values() for label in kept]
        self.tasks = sorted({task for _, task in by_track})
        self._tracks = {key: _Track(kept) for key, (kept, *_) in tidied.items()}

    def give(self, span: Span) -> Mapping[str, Given]:
        """The labels of one window by task; a task without one is left out."""
        given: dict[str, Given] = {}
        for task in self.tasks:
            track = self._tracks.get((span.session, task))
            if track is None:
                continue
            chosen = choose(track.within(span), span, self._rule, self._min_cover)
            if chosen is not None:
                given[task] = chosen
        return given


def choose(
    labels: Sequence[Label], span: Span, rule: Rule = "most", min_cover: float = LEAST_COVER
) -> Given | None:
    """What a window is given for one task, ``None`` for nothing. ``labels``: of its session and
    that task, by start; those that do not reach into the window do not matter.
    """
    covers_us: dict[str, int] = {}
    held: str | None = None
    for one in labels:
        shared_us = min(one.end_us, span.end_us) - max(one.start_us, span.start_us)
        if shared_us > 0:
            covers_us[one.label] = covers_us.get(one.label, 0) + shared_us
            if held is None and one.end_us >= span.end_us:
                held = one.label
    if rule == "most" and covers_us:
        # The first of equals is taken, which began earlier.
        held = max(covers_us, key=covers_us.__getitem__)
    if held is None:
        return None
    cover = covers_us[held] / (span.end_us - span.start_us)
    return None if cover < min_cover else Given(held, cover, len(covers_us) > 1)


def _tidied(labels: Sequence[Label]) -> tuple[list[Label], int, int]:
    """The labels of one session and task; how many were dropped, and merged."""
    distinct = sorted(set(labels), key=lambda one: (one.label, one.start_us, one.end_us))
    kept: list[Label] = []
    for one in distinct:
        if kept and kept[-1].label == one.label and one.start_us <= kept[-1].end_us:
            kept[-1] = kept[-1]._replace(end_us=max(kept[-1].end_us, one.end_us))
        else:
            kept.append(one)
    return kept, len(labels) - len(distinct), len(distinct) - len(kept)
