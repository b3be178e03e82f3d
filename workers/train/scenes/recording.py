"""A labelled recording: decoded samples, and windows cut by the aligner that also serves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from schemas.pipeline import Pipeline
from schemas.sample import Modality
from streams.align.spec import from_pipeline
from streams.align.types import Entry, Window
from streams.compute import BadSample
from streams.feed.item import FeedItem
from streams.scenes.base import Scene
from workers.codecs import decode
from workers.encoders.base import Array
from workers.errors import TrainError
from workers.fusion.tokens import MODALITIES, relative_time, sensor_slot
from workers.offline.timeline import Timeline

#: The sample's position in ``Recording.arrays``, in place of a feature.
_INDEX = np.dtype("<u4")


@dataclass(frozen=True, slots=True)
class LabelledWindow:
    """One window. ``samples``: positions in ``Recording.arrays``, int64 (n,); ``modalities``,
    ``sensors`` int64 and ``times`` float32 as in ``Tokens``; ``labels``: task -> label, where the
    window has one; ``tellers``: task -> modality indices that can answer it by themselves (none
    where it takes several, or where nobody knows).
    """

    samples: NDArray[np.int64]
    modalities: NDArray[np.int64]
    sensors: NDArray[np.int64]
    times: NDArray[np.float32]
    labels: Mapping[str, str]
    tellers: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def only(self, keep: NDArray[np.bool_]) -> LabelledWindow:
        """The same window with a part of its samples."""
        return LabelledWindow(
            self.samples[keep],
            self.modalities[keep],
            self.sensors[keep],
            self.times[keep],
            self.labels,
            self.tellers,
        )

    def can_tell(self, task: str) -> bool:
        """Whether what is in the window may answer the task."""
        tellers = self.tellers.get(task, frozenset())
        return not tellers or not tellers.isdisjoint(self.modalities.tolist())


@dataclass(frozen=True, slots=True)
class Recording:
    """Decoded samples and the windows they are in; windows without any label are left out."""

    arrays: list[Array]
    modalities: list[Modality]
    windows: list[LabelledWindow]


def join(recordings: Sequence[Recording]) -> Recording:
    """Several recordings as one; their sessions stay apart since windows are cut already."""
    joined = Recording([], [], [])
    for part in recordings:
        first = len(joined.arrays)
        joined.arrays.extend(part.arrays)
        joined.modalities.extend(part.modalities)
        joined.windows.extend(replace(w, samples=w.samples + first) for w in part.windows)
    return joined


def align(pipeline: Pipeline, items: Iterable[FeedItem]) -> list[Window]:
    """Every window of a recording as the aligner gives it, features being item positions.

    Sensors are waited for to the end: what a scene delays is meant to be in its window.
    """
    timeline = Timeline(from_pipeline(pipeline), "backlog")
    offsets = dict.fromkeys(pipeline.inputs, 0)
    for position, item in enumerate(items):
        offset = offsets[item.input]
        offsets[item.input] = offset + 1
        feature = np.asarray(position, _INDEX).tobytes()
        span_us = pipeline.inputs[item.input].aligned_span_us(item.start_us, item.end_us)
        entry = Entry(item.session, item.sensor, offset, *span_us, feature)
        timeline.add(item.input, offset, item.due_us, [entry])
    timeline.finish()
    return timeline.take_windows()


def sample_positions(window: Window) -> NDArray[np.int64]:
    """Of a window of ``align``: which items its samples are, int64 (n,)."""
    return np.frombuffer(b"".join(s.feature for s in window.samples), _INDEX).astype(np.int64)


def record(
    pipeline: Pipeline, scene: Scene, alone: Mapping[Modality, Scene] | None = None
) -> Recording:
    """Render a scene, decode its samples and cut its windows.

    ``alone``: the same scene with the inputs of one modality each, whose labels say what that
    modality could tell by itself. Raises ``TrainError`` where a sample cannot be decoded or no
    window has a label: a scene and the codecs that disagree must not become a model.
    """
    arrays: list[Array] = []
    kinds: list[Modality] = []
    bare: list[FeedItem] = []
    for item in scene.items():
        modality = pipeline.inputs[item.input].modality
        array = decode(modality, item.content_type, item.payload)
        if isinstance(array, BadSample):
            raise TrainError(f"sensor {item.sensor!r}: {array.reason}: {array.message}")
        arrays.append(array)
        kinds.append(modality)
        bare.append(item)
    windows = [
        _labelled(window, kinds, labels, alone or {})
        for window in align(pipeline, bare)
        if (labels := scene.labels(window.session, window.start_us, window.end_us))
    ]
    if not windows:
        raise TrainError(
            f"pipeline {pipeline.pipeline!r}: no window has a label; make the scene longer than "
            f"{pipeline.window.size}"
        )
    return Recording(arrays, kinds, windows)


def _labelled(
    window: Window,
    kinds: list[Modality],
    labels: Mapping[str, str],
    alone: Mapping[Modality, Scene],
) -> LabelledWindow:
    samples = window.samples
    positions = sample_positions(window)
    span = (window.start_us, window.end_us)
    told = {
        MODALITIES.index(modality): scene.labels(window.session, *span)
        for modality, scene in alone.items()
    }
    return LabelledWindow(
        positions,
        np.asarray([MODALITIES.index(kinds[position]) for position in positions], np.int64),
        np.asarray([sensor_slot(s.sensor) for s in samples], np.int64),
        np.asarray([relative_time(s.start_us, s.end_us, span) for s in samples], np.float32),
        labels,
        {task: frozenset(m for m, known in told.items() if task in known) for task in labels},
    )


def label_indices(
    windows: Collection[LabelledWindow], labels: tuple[str, ...], task: str
) -> NDArray[np.int64]:
    """Index of each window's label of one task, int64 (n,), -1 where it has none.

    Raises ``TrainError`` for a label that the task does not list.
    """
    found = np.full(len(windows), -1, np.int64)
    for row, window in enumerate(windows):
        label = window.labels.get(task)
        if label is not None:
            if label not in labels:
                raise TrainError(f"task {task!r}: expected one of {labels}, got {label!r}")
            found[row] = labels.index(label)
    return found
