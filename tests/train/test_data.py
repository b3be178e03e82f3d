"""What a plan learns from: aligned windows with a file of labels, and how they are divided."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.train.worlds import TASKS, a_data_set, a_pipeline, some_windows
from workers.datasets.label_file import write_labels
from workers.datasets.windows import LabelledWindow, LabelledWindows
from workers.errors import DataSetError
from workers.offline.run import align_recording
from workers.train.data import TrainingData, divided, read_aligned
from workers.train.plan import SplitPlan


async def aligned(folder: Path, **window: object) -> LabelledWindows:
    data = a_data_set(sessions=2)
    pipeline = a_pipeline(**window)
    await align_recording(data.items(), pipeline, folder / "windows")
    write_labels(folder / "labels.csv", data.labels)
    return read_aligned(folder / "windows", folder / "labels.csv", TASKS, pipeline)


def payloads(windows: LabelledWindows, one: LabelledWindow) -> list[bytes]:
    return [windows.samples[at].payload for at in one.positions]


async def test_aligned_windows_are_those_of_the_data_set(tmp_path: Path) -> None:
    found = await aligned(tmp_path, kind="sliding", size="2s", every="1s")
    direct = await asyncio.to_thread(some_windows, kind="sliding", size="2s", every="1s")
    expected = [one for one in direct.windows if one.session in ("s-00", "s-01")]
    assert [(one.session, one.start_us, dict(one.labels)) for one in found.windows] == [
        (one.session, one.start_us, dict(one.labels)) for one in expected
    ]
    # The random numbers of the two sessions are the first of both data sets.
    assert [payloads(found, one) for one in found.windows] == [
        payloads(direct, one) for one in expected
    ]


async def test_a_sample_of_several_windows_is_in_memory_once(tmp_path: Path) -> None:
    found = await aligned(tmp_path, kind="sliding", size="3s", every="1s")
    assert len(found.samples) == len(list(a_data_set(sessions=2).items()))


async def test_windows_of_another_pipeline_are_refused(tmp_path: Path) -> None:
    await aligned(tmp_path)
    other = a_pipeline(size="2s")
    with pytest.raises(DataSetError, match="align the recording again"):
        read_aligned(tmp_path / "windows", tmp_path / "labels.csv", TASKS, other)


def training_data(windows: LabelledWindows) -> TrainingData:
    return TrainingData(windows, "CC0-1.0", True, "made here")


def test_the_datas_own_test_part_stays_and_validation_is_drawn_by_group() -> None:
    data = divided(training_data(some_windows()), SplitPlan(validation=0.34, seed=2))
    by_group = Counter((one.group, one.split) for one in data.windows.windows)
    assert set(by_group.values()) == {6}
    assert Counter(split for _, split in by_group) == {"train": 6, "validation": 3, "test": 3}
    assert "test, train" in data.split
    assert "validation: 34%" in data.split


def test_another_seed_draws_other_groups() -> None:
    drawn = [
        [one.split for one in divided(training_data(some_windows()), rules).windows.windows]
        for rules in (SplitPlan(seed=1), SplitPlan(seed=2), SplitPlan(seed=1))
    ]
    assert drawn[0] == drawn[2] != drawn[1]


def test_a_share_that_leaves_no_group_on_a_side_is_refused() -> None:
    with pytest.raises(DataSetError, match="0 of 9 held out"):
        divided(training_data(some_windows()), SplitPlan(validation=0.01))


def test_positions_are_kept_by_what_is_chosen() -> None:
    windows = some_windows()
    chosen = windows.only([5, 2])
    assert [one.start_us for one in chosen.windows] == [
        windows.windows[5].start_us,
        windows.windows[2].start_us,
    ]
    assert np.array_equal(chosen.windows[0].positions, windows.windows[5].positions)
