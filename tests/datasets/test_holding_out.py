"""A test set that is kept elsewhere, and the summary of a data set."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.datasets.small import clinc150, emodb, load, mosi
from workers.datasets.holding_out import with_test_set
from workers.datasets.summary import summarise
from workers.errors import DataSetError


def test_other_speakers_are_the_test_set(tmp_path: Path) -> None:
    data = with_test_set(
        load("emodb", emodb(tmp_path / "a", ("03",))), load("emodb", emodb(tmp_path / "b", ("16",)))
    )
    assert data.splits == {"speaker-03": "train", "kept-speaker-16": "test"}
    assert {item.session for item in data.items()} == set(data.splits)
    assert {label.session for label in data.labels} == set(data.splits)


def test_the_own_test_part_is_left_out(tmp_path: Path) -> None:
    own = load("clinc150", clinc150(tmp_path, {"train": [["a", "x"]], "test": [["b", "x"]]}))
    kept = load("clinc150", clinc150(tmp_path, {"test": [["c", "x"]]}))
    data = with_test_set(own, kept)
    assert {item.payload for item in data.items()} == {b"a", b"c"}
    assert data.splits == {"train-00001": "train", "kept-test-00001": "test"}


def test_a_speaker_on_both_sides_is_refused(tmp_path: Path) -> None:
    data = load("emodb", emodb(tmp_path, ("03",)))
    with pytest.raises(DataSetError, match=r"got 1 of the training data \('03' first\)"):
        with_test_set(data, data)


def test_a_label_that_was_never_learnt_is_refused(tmp_path: Path) -> None:
    own = load("clinc150", clinc150(tmp_path, {"train": [["a", "x"]]}))
    kept = load("clinc150", clinc150(tmp_path, {"test": [["c", "y"]]}))
    with pytest.raises(DataSetError, match=r"expected labels of task 'intent'.* got 'y'"):
        with_test_set(own, kept)


def test_the_summary_counts_samples_where_they_are_read(tmp_path: Path) -> None:
    summary = summarise(load("mosi", mosi(tmp_path)), read=True)
    assert summary.inputs is not None
    assert {one.input: one.samples for one in summary.inputs} == {"audio": 3, "text": 3, "video": 3}
    assert summary.seconds == 1.0
    (task,) = summary.tasks
    assert [(one.label, one.count) for one in task.labels] == [("positive", 2), ("negative", 1)]
    assert (task.majority, task.imbalance) == (0.6667, 2.0)
    assert [(one.split, one.labelled) for one in summary.splits] == [("test", 1), ("train", 2)]


def test_of_a_whole_data_set_kept_elsewhere_only_the_test_part_is_judged(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    whole = {"train": [["pay it", "pay_bill"]], "test": [["my money", "balance"]]}
    found = with_test_set(
        load("clinc150", clinc150(tmp_path)), load("clinc150", clinc150(tmp_path / "kept", whole))
    )
    judged = {session for session, split in found.splits.items() if split == "test"}
    assert judged == {"kept-test-00001"}
    assert not any(item.session == "kept-train-00001" for item in found.items())


def test_without_a_test_part_what_is_for_training_is_not_judged(tmp_path: Path) -> None:
    own = load("clinc150", clinc150(tmp_path, {"train": [["a", "x"]]}))
    whole = {"train": [["b", "x"]], "val": [["c", "x"]]}
    (tmp_path / "kept").mkdir()
    data = with_test_set(own, load("clinc150", clinc150(tmp_path / "kept", whole)))
    assert {item.payload for item in data.items()} == {b"a", b"c"}
