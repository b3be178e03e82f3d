"""A data set's labelled windows are those of the stream."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.train.worlds import SECOND_US, START_US, a_data_set, a_pipeline, some_windows
from workers.datasets.base import Label
from workers.datasets.windows import label_windows
from workers.errors import DataSetError


def labelled(*spans: tuple[float, float, str], window: str = "1s") -> list[dict[str, str]]:
    """Labels of the windows of one session, of true spans in seconds."""
    data = a_data_set(sessions=1, seconds=3)
    labels = [
        Label("s-00", START_US + round(a * 1e6), START_US + round(b * 1e6), "mood", label)
        for a, b, label in spans
    ]
    found = label_windows(replace(data, labels=labels), a_pipeline(size=window))
    return [dict(one.labels) for one in found.windows]


def test_every_labelled_second_is_a_window() -> None:
    windows = some_windows()
    assert len(windows) == 12 * 6
    assert {one.window.end_us - one.start_us for one in windows.windows} == {SECOND_US}


def test_a_window_has_the_label_that_is_true_of_the_most_of_it() -> None:
    found = labelled((0.0, 0.3, "low"), (0.3, 1.0, "high"))
    assert found == [{"mood": "high"}]


def test_a_window_of_which_less_than_half_is_labelled_is_left_out() -> None:
    assert labelled((0.0, 1.0, "low"), (1.6, 2.0, "high")) == [{"mood": "low"}]


def test_a_sliding_window_is_judged_by_what_is_new_in_it() -> None:
    windows = some_windows(kind="sliding", size="3s", every="1s")
    tumbling = some_windows()
    ends = {(one.session, one.window.end_us): one.labels for one in windows.windows}
    assert ends == {(one.session, one.window.end_us): one.labels for one in tumbling.windows}


def test_a_sliding_window_has_the_samples_of_the_steps_before() -> None:
    windows = some_windows(kind="sliding", size="3s", every="1s")
    counts = [len(one.positions) for one in windows.windows if one.session == "s-00"]
    # A sample of audio a second, and one of text in two of three.
    assert counts == [2, 4, 5, 5, 5, 5]


def test_windows_without_an_input_are_the_same_but_for_it() -> None:
    windows = some_windows()
    fewer = windows.without(["audio"])
    inputs = {windows.samples[at].input for at in fewer.used()}
    assert inputs == {"text"}
    assert len(fewer) == len(windows)


def test_splits_and_groups_come_along() -> None:
    windows = some_windows()
    sessions = {one.session for one in windows.of_split("test").windows}
    assert sessions == {"s-03", "s-07", "s-11"}
    assert all(one.group == one.session for one in windows.windows)


def test_a_window_without_a_label_of_a_task_has_no_index() -> None:
    windows = some_windows()
    assert np.count_nonzero(windows.indices("place") < 0) == 12
    assert np.count_nonzero(windows.indices("mood") < 0) == 0


def test_labels_at_other_times_are_an_error_that_says_so() -> None:
    data = a_data_set(sessions=1)
    late = [one._replace(start_us=one.start_us * 2, end_us=one.end_us * 2) for one in data.labels]
    with pytest.raises(DataSetError, match="compare their times"):
        label_windows(replace(data, labels=late), a_pipeline())


def test_a_label_that_the_task_does_not_list_is_an_error() -> None:
    windows = replace(some_windows(), tasks={"mood": ("low", "medium")})
    with pytest.raises(DataSetError, match="'high'"):
        windows.indices("mood")
