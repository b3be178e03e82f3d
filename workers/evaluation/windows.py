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
from workers.datasets.base import DataSet
from workers.datasets.windows import by_session, judged_us, labels_of
from workers.errors import DataSetError
from workers.offline.intake import Desk, Taken
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


async def cut_windows(pipeline: Pipeline, items: Iterable[FeedItem], compute: Compute) -> Cutting:
    """Encode and align samples as a worker does that finds them all on its topics.

    ``items`` in ascending ``due_us``. Raises ``FeedError`` and ``DataSetError`` for what cannot be
    read.
    """
    spec = from_pipeline(pipeline, compute.features)
    desk = Desk(pipeline, spec, compute)
    taken: list[Taken] = []
    async with aclosing(read_ahead(items)) as batches:
        async for batch in batches:
            taken += (await desk.take(batch))[0]
    absent = pipeline.inputs.keys() - {one.input for one in taken}
    timeline = Timeline(spec, "backlog", absent)
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
    data_set: DataSet,
    pipeline: Pipeline,
    task: str,
    windows: Iterable[Window],
    sessions: Collection[str],
) -> dict[ItemKey, str]:
    """The items to be judged: windows with a label of the task, and that label, by the rule that
    training windows are labelled by.

    Raises ``DataSetError`` where no window has a label or a label is none of the task's.
    """
    labels = data_set.tasks.get(task)
    if labels is None:
        raise DataSetError(
            f"{data_set.name}: expected a task {task!r}, got {', '.join(data_set.tasks)}"
        )
    known = by_session(
        each for each in data_set.labels if each.task == task and each.session in sessions
    )
    found: dict[ItemKey, str] = {}
    for window in windows:
        of_session = known.get(window.session, {})
        label = labels_of(of_session, judged_us(pipeline, window)).get(task)
        if label is None:
            continue
        if label not in labels:
            raise DataSetError(
                f"{data_set.name}, session {window.session!r}: expected a label of {task!r}, got "
                f"{label[:40]!r}"
            )
        found[window.session, window.start_us] = label
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
