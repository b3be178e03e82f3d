"""A classifier recipe from its trainings to its figures, with a model that learns by heart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.recipes.fakes import Quiet, Words
from workers.datasets.base import DataSet
from workers.errors import EvaluationError, TrainError
from workers.recipes.base import Evaluation, Options
from workers.recipes.classifier import Cut
from workers.recipes.measure import Measured


def _run(words: Words, **options: Any) -> Evaluation:
    return Measured(words).run(Path(), None, Options(**options), Quiet())


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return _run(Words())


def _figure(evaluation: Evaluation, name: str) -> float:
    return {figure.name: figure.value for figure in evaluation.figures}[name]


def test_every_item_is_answered_once_a_seed(evaluation: Evaluation) -> None:
    for predictions in evaluation.predictions.values():
        assert len(set(zip(predictions.sessions, predictions.starts_us, strict=True))) == 36


def test_what_was_learnt_by_heart_is_right(evaluation: Evaluation) -> None:
    assert _figure(evaluation, "accuracy") == 1.0


def test_an_input_that_tells_less_is_worse_alone(evaluation: Evaluation) -> None:
    """A third of the notes are blank, and a blank was said of both labels."""
    assert 2 / 3 <= _figure(evaluation, "noted alone: accuracy") < 1.0


def test_a_variant_stands_beside_the_recipe(evaluation: Evaluation) -> None:
    assert _figure(evaluation, "forgetful: accuracy") == pytest.approx(0.5)


def test_without_an_input_it_is_held_to_the_best_of_what_is_left(evaluation: Evaluation) -> None:
    assert _figure(evaluation, "without said: fused less noted: accuracy") == pytest.approx(0.0)


def test_event_times_that_are_off_by_a_window_cost_answers(evaluation: Evaluation) -> None:
    chart = next(each for each in evaluation.charts if each.title.startswith("Misaligned"))
    by_name = {bar.name: bar.value for bar in chart.bars}
    assert by_name["said +1 s"] < by_name["aligned"] == 1.0


def test_no_group_is_trained_on_and_judged() -> None:
    words = Words()
    _run(words, quick=True)
    for cut, _, _ in words.trained:
        speakers = [{int(s[1:]) // 2 for s in side} for side in (cut.training, cut.held_out)]
        assert speakers[0].isdisjoint(speakers[1])


def test_a_quick_run_trains_the_recipe_alone() -> None:
    words = Words()
    _run(words, quick=True)
    assert {(inputs, variant) for _, inputs, variant in words.trained} == {(("said", "noted"), "")}


def test_a_kept_model_is_trained_again_unless_asked_otherwise(tmp_path: Path) -> None:
    words = Words()
    for _ in range(2):
        _run(words, quick=True, keep=tmp_path, seeds=1)
    assert len(words.trained) == 6


def test_a_kept_model_is_reused_where_asked(tmp_path: Path) -> None:
    words = Words()
    _run(words, quick=True, keep=tmp_path, seeds=1)
    again = _run(words, quick=True, keep=tmp_path, seeds=1, reuse=True)
    assert len(words.trained) == 3
    assert "3 models were not trained" in " ".join(again.notes)


def test_a_model_of_other_folds_is_not_reused(tmp_path: Path) -> None:
    words = Words()
    _run(words, quick=True, keep=tmp_path, seeds=1, folds=3)
    _run(words, quick=True, keep=tmp_path, seeds=1, folds=2, reuse=True)
    assert len(words.trained) == 5


class _Breaks(Words):
    """Fails in its training."""

    def train(self, *arguments: Any, **named: Any) -> Any:
        raise TrainError("a training that breaks off")


def test_what_a_training_that_broke_off_has_left_is_not_reused(tmp_path: Path) -> None:
    words = Words()
    _run(words, quick=True, keep=tmp_path, seeds=1)
    with pytest.raises(TrainError):
        _run(_Breaks(), quick=True, keep=tmp_path, seeds=1)
    _run(words, quick=True, keep=tmp_path, seeds=1, reuse=True)
    assert len(words.trained) == 4


def test_an_input_that_is_not_the_recipes_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="expected some of said, noted, got 'smelt'"):
        _run(Words(), inputs=("smelt",))


class _Undivided(Words):
    """Its split is given."""

    def cuts(self, data_set: DataSet, options: Options) -> tuple[Sequence[Cut], str]:
        sessions = sorted(data_set.groups)
        return [Cut(1, frozenset(sessions[:6]), frozenset(sessions[6:]))], "halves"


def test_folds_of_a_split_that_is_given_are_an_error() -> None:
    with pytest.raises(EvaluationError, match=r"--folds: expected none, got 3; .*: halves"):
        _run(_Undivided(), folds=3)


def test_seeds_of_what_draws_nothing_are_an_error() -> None:
    with pytest.raises(EvaluationError, match=r"--seeds: expected none, got 3; .*: halves"):
        _run(_Undivided(), seeds=3)
