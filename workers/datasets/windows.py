"""A data set's labelled windows, cut by the aligner that also serves: what is learnt from and
measured on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.pipeline import Pipeline
from schemas.result import ModelRef
from schemas.sample import Sample
from streams.align.spec import from_pipeline
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from workers.codecs import cut as cutting
from workers.datasets.base import DataSet, Label, Split
from workers.datasets.joining import Span, choose
from workers.errors import DataSetError
from workers.offline.intake import Desk, Refused, Taken
from workers.offline.timeline import Timeline

#: A sample's position in ``LabelledWindows.samples``, in place of a feature.
_POSITION = np.dtype("<u4")
#: Samples read at a time.
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class LabelledWindow:
    """One window that has a label.

    ``window``: as the aligner gives it, each sample's feature being its position. ``labels``: task
    -> label, where one is known. ``group``: who it is of. ``split``: ``None`` where its session has
    none.
    """

    window: Window
    labels: Mapping[str, str]
    group: str
    split: Split | None = None

    @property
    def session(self) -> str:
        """The session it is of."""
        return self.window.session

    @property
    def start_us(self) -> int:
        """Where the window begins: with the session it names the item."""
        return self.window.start_us

    @property
    def positions(self) -> NDArray[np.int64]:
        """Which samples are in it, int64 (n,)."""
        joined = b"".join(sample.feature for sample in self.window.samples)
        return np.frombuffer(joined, _POSITION).astype(np.int64)

    def without(self, inputs: Collection[str]) -> LabelledWindow:
        """The same window as if these inputs had given nothing."""
        kept = tuple(s for s in self.window.samples if s.input not in inputs)
        return replace(self, window=msgspec.structs.replace(self.window, samples=kept))


@dataclass(frozen=True, slots=True)
class LabelledWindows:
    """The items of a data set. ``samples``: every sample or part of one, in memory with its
    payload. ``tasks``: task -> labels. ``refused``: what the stream would divert before any model.
    """

    pipeline: Pipeline
    tasks: Mapping[str, tuple[str, ...]]
    samples: Sequence[Sample]
    windows: Sequence[LabelledWindow]
    refused: Sequence[Refused] = ()

    def __len__(self) -> int:
        return len(self.windows)

    def only(self, chosen: Iterable[int]) -> LabelledWindows:
        """A part of the windows, by their positions and in that order, over the same samples."""
        return replace(self, windows=[self.windows[position] for position in chosen])

    def of_split(self, split: Split | None) -> LabelledWindows:
        """The windows of one split."""
        return replace(self, windows=[one for one in self.windows if one.split == split])

    def without(self, inputs: Collection[str]) -> LabelledWindows:
        """The same windows as if these inputs had given nothing."""
        return replace(self, windows=[one.without(inputs) for one in self.windows])

    def used(self) -> NDArray[np.int64]:
        """Positions of the samples that are in any of the windows, ascending, int64 (n,)."""
        if not self.windows:
            return np.zeros(0, np.int64)
        return np.unique(np.concatenate([one.positions for one in self.windows]))

    def indices(self, task: str) -> NDArray[np.int64]:
        """Index of each window's label of a task, int64 (n,), -1 where it has none.

        Raises ``DataSetError`` for a label that the task does not list.
        """
        labels = self.tasks[task]
        found = np.full(len(self.windows), -1, np.int64)
        for row, window in enumerate(self.windows):
            label = window.labels.get(task)
            if label is not None:
                if label not in labels:
                    raise DataSetError(f"task {task!r}: expected one of {labels}, got {label!r}")
                found[row] = labels.index(label)
        return found


def position_feature(position: int) -> bytes:
    """A sample's position in place of its feature."""
    return np.asarray(position, _POSITION).tobytes()


def judged_us(pipeline: Pipeline, window: Window) -> tuple[int, int]:
    """The span of event time that a window's answer is about: see ``judged_part_us``."""
    return judged_part_us(pipeline, window.start_us, window.end_us)


def judged_part_us(pipeline: Pipeline, start_us: int, end_us: int) -> tuple[int, int]:
    """What an answer for a span of event time is about: of a sliding window what is new in it, else
    all of it.
    """
    if pipeline.window.kind != "sliding":
        return start_us, end_us
    return end_us - pipeline.window.every_us, end_us


def label_windows(data: DataSet, pipeline: Pipeline) -> LabelledWindows:
    """Every window of a data set that has a label, in order of session and time.

    Cut as a worker that reads the whole of it as a backlog cuts it. The label of a window is the
    one that is true of the most of what it is about, and of at least half of that. All samples are
    kept in memory. Blocks: not for an event loop's own thread.

    Raises ``DataSetError`` where no window has a label, and what reading the data set raises.
    """
    samples, taken, refused = asyncio.run(_take_all(data, pipeline))
    timeline = Timeline(
        from_pipeline(pipeline),
        "backlog",
        absent=set(pipeline.inputs) - {each.input for each in taken},
    )
    for each in taken:
        timeline.add(each.input, each.offset, each.due_us, each.entries)
    timeline.finish()
    known = by_session(data.labels)
    windows = [
        LabelledWindow(
            window,
            labels,
            data.groups.get(window.session, window.session),
            data.splits.get(window.session),
        )
        for window in timeline.take_windows()
        if (labels := labels_of(known.get(window.session, {}), judged_us(pipeline, window)))
    ]
    if not windows:
        raise DataSetError(
            f"{data.name}: expected labels that cover windows of pipeline "
            f"{pipeline.pipeline!r}, got none that does; compare their times"
        )
    windows.sort(key=lambda one: (one.session, one.start_us))
    return LabelledWindows(pipeline, data.tasks, samples, windows, refused)


async def _take_all(
    data: DataSet, pipeline: Pipeline
) -> tuple[list[Sample], list[Taken], list[Refused]]:
    keeping = _Keeping()
    desk = Desk(pipeline, from_pipeline(pipeline), keeping)
    taken: list[Taken] = []
    refused: list[Refused] = []
    coming = data.items()
    while items := list(islice(coming, _AT_ONCE)):
        some, bad = await desk.take(items)
        taken += some
        refused += bad
    return keeping.samples, taken, refused


class _Keeping:
    """``streams.compute.Compute`` that keeps samples and gives their positions as features."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []

    model = ModelRef("samples", "", "")
    features = ""
    states = ""

    async def encode(self, samples: Sequence[Sample]) -> list[bytes | BadSample]:
        first = len(self.samples)
        self.samples += samples
        return [position_feature(first + at) for at in range(len(samples))]

    def interval_us(self, sample: Sample) -> tuple[int, int] | BadSample:
        return cutting.interval_us(sample)

    def cut(self, sample: Sample, bounds_us: Sequence[int]) -> Sequence[Sample] | BadSample:
        return cutting.cut(sample, bounds_us)

    async def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        raise DataSetError(f"expected a model to fuse {len(windows)} windows, got none")


def by_session(labels: Iterable[Label]) -> dict[str, dict[str, list[Label]]]:
    """Session -> task -> its labels, by start."""
    found: dict[str, dict[str, list[Label]]] = {}
    for label in sorted(labels, key=lambda one: one.start_us):
        found.setdefault(label.session, {}).setdefault(label.task, []).append(label)
    return found


def labels_of(known: Mapping[str, Sequence[Label]], span_us: tuple[int, int]) -> dict[str, str]:
    """Task -> its label by the rule ``most`` of ``workers.datasets.joining``. ``known``: of one
    session, see ``by_session``.
    """
    span = Span("", *span_us)
    chosen = {task: choose(labels, span) for task, labels in known.items()}
    return {task: given.label for task, given in chosen.items() if given is not None}
