"""The windows of a data set as the stream would have them, and which of them are to be judged."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

import msgspec

from schemas.pipeline import Pipeline
from streams.align.spec import from_pipeline
from streams.align.types import Window
from streams.compute import Compute
from streams.feed.item import FeedItem
from streams.feed.read_ahead import read_ahead
from workers.datasets.base import DataSet, Label
from workers.errors import DataSetError
from workers.offline.intake import Desk
from workers.offline.timeline import Timeline

#: Session and start of a window: what names an item.
ItemKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Cutting:
    """Windows in the order of their closing, a session's in the order of their time, and what
    became of samples that are in none. ``refused``: reason -> dead letters.
    """

    windows: Sequence[Window]
    late: int
    dropped: int
    refused: Mapping[str, int]


async def cut_windows(
    pipeline: Pipeline, items: Iterable[FeedItem], compute: Compute, absent: Collection[str] = ()
) -> Cutting:
    """Encode and align samples as a worker does that finds them all on its topics.

    ``items`` in ascending ``due_us``. ``absent``: inputs that there is nothing of. Raises
    ``FeedError`` and ``DataSetError`` for what cannot be read.
    """
    spec = from_pipeline(pipeline, compute.features)
    desk = Desk(pipeline, spec, compute)
    timeline = Timeline(spec, "backlog", absent)
    async with aclosing(read_ahead(items)) as batches:
        async for batch in batches:
            taken, _ = await desk.take(batch)
            for one in taken:
                timeline.add(one.input, one.offset, one.due_us, one.entries)
    timeline.finish()
    return Cutting(
        [window for window in timeline.take_windows() if not window.over],
        len(timeline.take_late()),
        timeline.dropped,
        dict(desk.counts.reasons),
    )


def of_sessions(items: Iterable[FeedItem], sessions: Collection[str]) -> Iterator[FeedItem]:
    """The samples of some sessions."""
    return (item for item in items if item.session in sessions)


def shifted(items: Iterable[FeedItem], input: str, by_us: int) -> Iterator[FeedItem]:
    """All samples, those of one input with event times that are off by so much."""
    for item in items:
        if item.input == input:
            start_us, end_us = item.start_us + by_us, item.end_us + by_us
            yield replace(item, start_us=start_us, end_us=end_us)
        else:
            yield item


def truths(
    data_set: DataSet, task: str, windows: Iterable[Window], sessions: Collection[str]
) -> dict[ItemKey, str]:
    """The items to be judged: windows that end while a label of the task is true, and that label.

    A window ends within [start, end) of a label by its last microsecond: what is true when an
    answer is given is what it has to say. Raises ``DataSetError`` where no window has a label or
    a label is none of the task's.
    """
    known = data_set.tasks.get(task)
    if known is None:
        raise DataSetError(
            f"{data_set.name}: expected a task {task!r}, got {', '.join(data_set.tasks)}"
        )
    labels: dict[str, list[Label]] = {}
    for each in data_set.labels:
        if each.task == task and each.session in sessions:
            if each.label not in known:
                raise DataSetError(
                    f"{data_set.name}, session {each.session!r}: expected a label of {task!r}, "
                    f"got {each.label[:40]!r}"
                )
            labels.setdefault(each.session, []).append(each)
    found: dict[ItemKey, str] = {}
    for window in windows:
        last_us = window.end_us - 1
        for label in labels.get(window.session, ()):
            if label.start_us <= last_us < label.end_us:
                found[window.session, window.start_us] = label.label
    if not found:
        raise DataSetError(
            f"{data_set.name}: expected windows with a label of task {task!r}, got none; do the "
            "labels' times lie where the samples are, and is the window long enough?"
        )
    return found


def keep_inputs(window: Window, inputs: Collection[str]) -> Window:
    """The window as it were had the other inputs given nothing."""
    samples = tuple(sample for sample in window.samples if sample.input in inputs)
    if len(samples) == len(window.samples):
        return window
    tallies = {
        name: tally
        if tally.input in inputs
        else msgspec.structs.replace(tally, samples=0, seen=False, offsets=())
        for name, tally in window.tallies.items()
    }
    return msgspec.structs.replace(window, samples=samples, tallies=tallies)
