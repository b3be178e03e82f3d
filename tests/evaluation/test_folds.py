"""Splits: nothing on two sides, everything held out once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.recipes.fakes import word_data
from workers.datasets.base import DataSet
from workers.errors import EvaluationError
from workers.evaluation.folds import (
    by_group,
    check_cuts,
    kept_elsewhere,
    leave_one_group_out,
    official,
)
from workers.recipes.classifier import Cut


def _split(data: DataSet, *names: str) -> DataSet:
    """Two sessions, hence one group, to each name in turn."""
    splits = {key: names[number // 2 % len(names)] for number, key in enumerate(data.groups)}
    return replace(data, splits=splits)


def test_folds_hold_every_session_out_once_a_seed() -> None:
    cuts = by_group(word_data(), "mood", folds=3, seeds=2)
    held = Counter((cut.seed, session) for cut in cuts for session in cut.held_out)
    assert set(held.values()) == {1}
    assert len(held) == 24


def test_no_group_is_on_two_sides_of_a_fold() -> None:
    data = word_data()
    check_cuts(by_group(data, "mood", folds=3), data.groups)


def test_another_seed_gives_other_folds() -> None:
    cuts = by_group(word_data(), "mood", folds=3, seeds=2)
    assert {c.held_out for c in cuts if c.seed == 1} != {c.held_out for c in cuts if c.seed == 2}


def test_what_chooses_is_apart_from_what_is_trained_on() -> None:
    for cut in by_group(word_data(), "mood", folds=3):
        assert cut.validation
        assert not cut.validation & (cut.training | cut.held_out)


def test_each_group_is_left_out_once() -> None:
    cuts = leave_one_group_out(word_data(), "mood")
    assert [cut.fold for cut in cuts] == [f"speaker {number}" for number in range(6)]
    assert all(len(cut.held_out) == 2 for cut in cuts)


def test_the_official_split_is_taken_as_it_is() -> None:
    data = _split(word_data(), "train", "validation", "test")
    (cut,) = official(data, seeds=1)
    assert cut.held_out == {key for key, split in data.splits.items() if split == "test"}
    assert cut.validation == {key for key, split in data.splits.items() if split == "validation"}


def test_a_missing_validation_split_comes_from_the_training_groups() -> None:
    data = _split(word_data(), "train", "test")
    first, second = official(data, seeds=2, validation_from_training=True)
    assert first.held_out == second.held_out
    assert first.validation
    check_cuts([first], data.groups)


def test_a_test_set_from_elsewhere_is_only_judged() -> None:
    data = _split(word_data(), "train", "test")
    (cut,) = kept_elsewhere(data, seeds=1)
    assert cut.held_out == {key for key, split in data.splits.items() if split == "test"}


def test_a_group_on_two_sides_is_an_error() -> None:
    cut = Cut(1, frozenset({"s00"}), frozenset({"s01"}))
    with pytest.raises(EvaluationError, match="got 'speaker 0' on two"):
        check_cuts([cut], word_data().groups)


def test_a_session_that_is_held_out_twice_is_an_error() -> None:
    cut = Cut(1, frozenset({"s02"}), frozenset({"s00"}))
    with pytest.raises(EvaluationError, match="held out once"):
        check_cuts([cut, cut], word_data().groups)


def test_more_folds_than_groups_are_an_error() -> None:
    with pytest.raises(EvaluationError, match="expected 2 to 6 folds"):
        by_group(word_data(), "mood", folds=7)


def test_a_data_set_without_a_split_has_no_official_one() -> None:
    with pytest.raises(EvaluationError, match="expected a split into train and test"):
        official(word_data(), seeds=1)
