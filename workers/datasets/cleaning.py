"""What became of labels and windows when they were joined: a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

import msgspec

from workers.datasets.base import Label
from workers.datasets.joining import LEAST_COVER, Given, Joiner, Rule, Span
from workers.datasets.summary import CleanedCount, TaskSummary, task_summary


class TaskReport(msgspec.Struct, frozen=True):
    """One task. ``unlabelled``: windows without a label of it. ``mixed``: windows that labels of
    several names reach into, of which the rule chose one. ``barely``: windows whose label covers
    less than half of them. ``summary``: counts by window.
    """

    task: str
    unlabelled: int
    mixed: int
    barely: int
    summary: TaskSummary


class Overlap(msgspec.Struct, frozen=True):
    """Two labels of one task and session that hold at the same time."""

    session: str
    task: str
    first: str
    second: str
    start_us: int
    end_us: int


class Report(msgspec.Struct, frozen=True):
    """Labels joined to windows. ``unused``: labels whose session has no window that they reach.
    ``overlaps``: how many pairs of different labels overlap; ``shown``: the first few of them.
    ``unknown_sessions``: sessions of labels that have no window at all.
    """

    rule: Rule
    min_cover: float
    windows: int
    labels: int
    unused: int
    overlaps: int
    shown: tuple[Overlap, ...]
    unknown_sessions: tuple[str, ...]
    tasks: tuple[TaskReport, ...]
    cleaned: tuple[CleanedCount, ...]


#: Overlaps and sessions that a report lists.
_LISTED = 10


class Bookkeeper:
    """Joins windows one by one and counts what comes of it."""

    def __init__(
        self, labels: Iterable[Label], rule: Rule = "most", min_cover: float = LEAST_COVER
    ) -> None:
        self._joiner = Joiner(labels, rule, min_cover)
        self._rule: Rule = rule
        self._min_cover = min_cover
        self._windows = 0
        self._counts: dict[str, Counter[str]] = {task: Counter() for task in self._joiner.tasks}
        self._mixed: Counter[str] = Counter()
        self._barely: Counter[str] = Counter()
        #: session -> the spans of event time that its windows reach over; what touches is one.
        self._reach: dict[str, list[tuple[int, int]]] = {}

    def give(self, span: Span) -> Mapping[str, Given]:
        """The labels of one window by task, counted."""
        given = self._joiner.give(span)
        self._windows += 1
        reach = self._reach.setdefault(span.session, [])
        if reach and span.start_us <= reach[-1][1] and span.end_us >= reach[-1][0]:
            first, last = reach.pop()
            reach.append((min(first, span.start_us), max(last, span.end_us)))
        else:
            reach.append((span.start_us, span.end_us))
        for task, one in given.items():
            self._counts[task][one.label] += 1
            self._mixed[task] += one.others
            self._barely[task] += one.cover < 0.5
        return given

    def report(self) -> Report:
        """What became of the windows so far."""
        labels = self._joiner.labels
        overlaps = list(_overlaps(labels))
        unused = sum(not self._reached(label) for label in labels)
        strangers = sorted({label.session for label in labels} - self._reach.keys())
        return Report(
            self._rule,
            self._min_cover,
            self._windows,
            len(labels),
            unused,
            len(overlaps),
            tuple(overlaps[:_LISTED]),
            tuple(strangers[:_LISTED]),
            tuple(self._task(task) for task in self._joiner.tasks),
            tuple(CleanedCount(*one) for one in self._joiner.cleaned),
        )

    def _reached(self, label: Label) -> bool:
        reach = self._reach.get(label.session, ())
        return any(label.start_us < last and label.end_us > first for first, last in reach)

    def _task(self, task: str) -> TaskReport:
        counts = self._counts[task]
        names = {label.label for label in self._joiner.labels if label.task == task}
        return TaskReport(
            task,
            self._windows - sum(counts.values()),
            self._mixed[task],
            self._barely[task],
            task_summary(task, tuple(sorted(names)), counts),
        )


def _overlaps(labels: Iterable[Label]) -> Iterator[Overlap]:
    """Every two labels of one session and task that overlap under different names, by start."""
    ordered = sorted(labels, key=lambda one: (one.session, one.task, one.start_us, one.end_us))
    for (session, task), track in groupby(ordered, key=lambda one: (one.session, one.task)):
        holding: list[Label] = []
        for other in track:
            holding = [one for one in holding if one.end_us > other.start_us]
            for one in holding:
                if one.label != other.label:
                    end_us = min(one.end_us, other.end_us)
                    yield Overlap(session, task, one.label, other.label, other.start_us, end_us)
            holding.append(other)
