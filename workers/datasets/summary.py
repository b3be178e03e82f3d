"""What a data set holds: sizes, labels and their imbalance, what an importer did to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from workers.datasets.base import DataSet
from workers.errors import DataSetError


class LabelCount(msgspec.Struct, frozen=True):
    """One label of a task and how many intervals have it."""

    label: str
    count: int


class TaskSummary(msgspec.Struct, frozen=True):
    """The labels of one task, most frequent first, those without an interval included.

    ``majority``: share of the most frequent label, the accuracy of whoever always gives it.
    ``imbalance``: the most frequent label's count over the least frequent one's, of those that
    occur.
    """

    task: str
    labelled: int
    labels: tuple[LabelCount, ...]
    majority: float
    imbalance: float


class CleanedCount(msgspec.Struct, frozen=True):
    """See ``workers.datasets.base.Cleaned``."""

    what: str
    why: str
    number: int


class SplitSize(msgspec.Struct, frozen=True):
    """One part of the official split."""

    split: str
    sessions: int
    labelled: int


class InputSize(msgspec.Struct, frozen=True):
    """What one input is given."""

    input: str
    samples: int
    bytes: int


class Summary(msgspec.Struct, frozen=True):
    """``inputs`` and ``seconds`` (event time from the first sample to the end of the last) are
    ``None`` where the samples were not read.
    """

    name: str
    origin: str
    licence: str
    redistributable: bool
    sessions: int
    groups: int
    splits: tuple[SplitSize, ...]
    tasks: tuple[TaskSummary, ...]
    cleaned: tuple[CleanedCount, ...]
    inputs: tuple[InputSize, ...] | None = None
    seconds: float | None = None


def task_summary(task: str, labels: tuple[str, ...], counts: Mapping[str, int]) -> TaskSummary:
    """Counts of one task.

    >>> task_summary("mood", ("good", "bad"), {"good": 30, "bad": 10}).imbalance
    3.0
    """
    total = sum(counts.values())
    present = [count for count in counts.values() if count]
    ordered = sorted(labels, key=lambda name: -counts.get(name, 0))
    return TaskSummary(
        task,
        total,
        tuple(LabelCount(name, counts.get(name, 0)) for name in ordered),
        round(max(present) / total, 4) if total else 0.0,
        round(max(present) / min(present), 2) if present else 0.0,
    )


def summarise(
    data: DataSet, *, read: bool = False, on_sample: Callable[[int], None] | None = None
) -> Summary:
    """What a data set holds. ``read``: read every sample too, which finds damaged files.

    ``on_sample`` is called with the number of samples so far. Raises ``DataSetError`` for a file
    that cannot be read, or samples that do not come in order.
    """
    counts: dict[str, Counter[str]] = {task: Counter() for task in data.tasks}
    labelled: Counter[str] = Counter()
    for label in data.labels:
        counts[label.task][label.label] += 1
        labelled[label.session] += 1
    splits: dict[str, list[str]] = {}
    for session, split in data.splits.items():
        splits.setdefault(split, []).append(session)
    inputs, seconds = _read(data, on_sample) if read else (None, None)
    return Summary(
        data.name,
        data.origin,
        data.licence,
        data.redistributable,
        len(data.groups),
        len(set(data.groups.values())),
        tuple(
            SplitSize(split, len(sessions), sum(labelled[each] for each in sessions))
            for split, sessions in sorted(splits.items())
        ),
        tuple(task_summary(task, data.tasks[task], counts[task]) for task in data.tasks),
        tuple(CleanedCount(*one) for one in data.cleaned),
        inputs,
        seconds,
    )


def _read(
    data: DataSet, on_sample: Callable[[int], None] | None
) -> tuple[tuple[InputSize, ...], float]:
    samples: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    due_us = first_us = last_us = None
    for number, item in enumerate(data.items(), start=1):
        if due_us is not None and item.due_us < due_us:
            raise DataSetError(
                f"{data.name}: expected samples in the order in which they are due, got one of "
                f"session {item.session!r} too late"
            )
        due_us = item.due_us
        first_us = item.start_us if first_us is None else min(first_us, item.start_us)
        last_us = item.end_us if last_us is None else max(last_us, item.end_us)
        samples[item.input] += 1
        sizes[item.input] += len(item.payload)
        if on_sample is not None:
            on_sample(number)
    lasted_us = 0 if first_us is None or last_us is None else last_us - first_us
    return (
        tuple(InputSize(name, samples[name], sizes[name]) for name in sorted(samples)),
        lasted_us / 1e6,
    )
