"""The labelled windows of a plan, and how they are divided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from schemas.pipeline import Pipeline
from schemas.sample import Sample
from streams.align.spec import from_pipeline
from streams.align.types import WindowSample
from workers.datasets.base import Split
from workers.datasets.catalog import open_data_set
from workers.datasets.label_file import read_labels
from workers.datasets.windows import (
    LabelledWindow,
    LabelledWindows,
    by_session,
    judged_us,
    label_windows,
    labels_of,
    position_feature,
)
from workers.errors import DataSetError
from workers.offline.columns import StoredSample
from workers.offline.reader import read_index, read_windows
from workers.train.plan import DataPlan, SplitPlan


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What is learnt from, decided by and measured on. ``split``: where the division is from."""

    windows: LabelledWindows
    licence: str
    redistributable: bool
    origin: str
    split: str = ""


def read_data(plan: DataPlan, path: Path, pipeline: Pipeline) -> TrainingData:
    """The windows at ``path``, a data set or a folder that `sensorium align` has written.

    Raises ``DataSetError`` and ``OfflineError``.
    """
    if plan.set is not None:
        data = open_data_set(plan.set, path, plan.options)
        return TrainingData(
            label_windows(data, pipeline), data.licence, data.redistributable, data.origin
        )
    windows = read_aligned(path, Path(plan.labels or ""), plan.tasks, pipeline)
    return TrainingData(windows, plan.licence, plan.redistributable, plan.origin)


def read_aligned(
    folder: Path, labels: Path, tasks: Mapping[str, tuple[str, ...]], pipeline: Pipeline
) -> LabelledWindows:
    """The windows of a folder, labelled from a file. A session is a group of its own.

    Raises ``OfflineError``; ``DataSetError`` where the windows are of another pipeline, hold
    features in place of payloads, or none has a label.
    """
    index = read_index(folder)
    if index.spec_digest != from_pipeline(pipeline).digest:
        raise DataSetError(
            f"{folder}: expected windows as the plan's pipeline {pipeline.pipeline!r} cuts them, "
            f"got those of another ({index.pipeline!r}); align the recording again"
        )
    if index.features != "raw":
        raise DataSetError(
            f"{folder}: expected payloads, got features of one model; align with --features raw"
        )
    known = by_session(one for one in read_labels(labels) if one.task in tasks)
    samples: list[Sample] = []
    places: dict[tuple[str, int, int], int] = {}
    windows = []
    for window in read_windows(folder):
        found = labels_of(known.get(window.session, {}), judged_us(pipeline, window))
        if found:
            kept = tuple(
                _placed(one, window.session, pipeline, samples, places) for one in window.samples
            )
            whole = msgspec.structs.replace(window, samples=kept)
            windows.append(LabelledWindow(whole, found, window.session))
    if not windows:
        raise DataSetError(f"{labels}: expected labels of windows in {folder}, got none of one")
    windows.sort(key=lambda one: (one.session, one.start_us))
    return LabelledWindows(pipeline, dict(tasks), samples, windows)


def _placed(
    one: WindowSample,
    session: str,
    pipeline: Pipeline,
    samples: list[Sample],
    places: dict[tuple[str, int, int], int],
) -> WindowSample:
    """The sample with its position as feature; one that several windows share is there once."""
    assert isinstance(one, StoredSample), "payloads come with their content type"
    key = (one.input, one.offset, one.start_us)
    if key not in places:
        places[key] = len(samples)
        samples.append(
            Sample(
                session=session,
                sensor=one.sensor,
                input=one.input,
                modality=pipeline.inputs[one.input].modality,
                start_us=one.start_us,
                end_us=one.end_us,
                content_type=one.content_type,
                payload=one.feature,
                topic=pipeline.topic(one.input),
                partition=0,
                offset=one.offset,
            )
        )
    feature = position_feature(places[key])
    return WindowSample(one.sensor, one.input, one.offset, one.start_us, one.end_us, feature)


def divided(data: TrainingData, rules: SplitPlan) -> TrainingData:
    """The data with a split for every window: its own, and of what has none, or of the training
    part where there is no validation part, shares of the groups.
    """
    windows = list(data.windows.windows)
    own = {one.split for one in windows} - {None}
    told = [f"the data's own ({', '.join(sorted(filter(None, own)))})"] if own else []
    for split, share in (("test", rules.test), ("validation", rules.validation)):
        if split in own or not share:
            continue
        windows = _held_out(windows, "test" if split == "test" else "validation", share, rules.seed)
        told.append(f"{split}: {share:.0%} of the training groups, drawn with seed {rules.seed}")
    windows = [replace(one, split=one.split or "train") for one in windows]
    return replace(
        data, windows=replace(data.windows, windows=windows), split="; ".join(told) or "no split"
    )


def _held_out(
    windows: list[LabelledWindow], split: Split, share: float, seed: int
) -> list[LabelledWindow]:
    groups = sorted({one.group for one in windows if one.split in (None, "train")})
    count = round(share * len(groups))
    if count == len(groups) or count == 0:
        raise DataSetError(
            f"split.{split}: expected groups on both sides, got {count} of {len(groups)} held "
            "out; change the share"
        )
    chosen = np.random.default_rng(seed).permutation(len(groups))[:count]
    out = {groups[place] for place in chosen.tolist()}
    return [
        replace(one, split=split) if one.group in out and one.split in (None, "train") else one
        for one in windows
    ]
