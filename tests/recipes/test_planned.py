"""A plan cross-validated, and the model that comes of it judged by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipes.fakes import Quiet
from tests.recipes.small_mosi import write_mosi, write_plan
from workers.errors import EvaluationError
from workers.recipes.base import Evaluation, Options
from workers.recipes.given_model import Judging, judge_model
from workers.recipes.measure import Measured
from workers.recipes.validating import validated


class Trained:
    """One run of the plan on the data set's own split, with its model kept."""

    def __init__(self, folder: Path) -> None:
        self.data = write_mosi(folder / "mosi")
        self.plan = write_plan(folder)
        self.models = folder / "models"
        planned = validated(self.plan, task=None, by=None, has_test=False)
        options = Options(seeds=1, keep=self.models)
        self.found = Measured(planned).run(self.data, None, options, Quiet())

    @property
    def model(self) -> Path:
        return self.models / "text+audio" / "seed-1"

    def judged(self, task: str | None = None, split: str | None = None) -> Evaluation:
        asked = Judging(model=self.model, data_set="mosi", data=self.data, task=task, split=split)
        return judge_model(asked, Options(quick=True), Quiet())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(tmp_path_factory.mktemp("planned"))


def _accuracy(found: Evaluation) -> float:
    return next(figure.value for figure in found.figures if figure.name == "accuracy")


def test_the_own_split_of_a_data_set_is_judged(trained: Trained) -> None:
    (answers,) = trained.found.predictions.values()
    assert set(answers.sessions) == {f"v{number}" for number in range(6, 10)}


def test_what_text_tells_is_learnt(trained: Trained) -> None:
    assert _accuracy(trained.found) == 1.0


def test_models_of_fewer_inputs_stand_beside_it(trained: Trained) -> None:
    names = {figure.name for figure in trained.found.figures}
    assert {"text alone: accuracy", "audio alone: accuracy"} <= names


def test_a_model_that_is_ours_is_looked_into(trained: Trained) -> None:
    inside = trained.found.inside
    assert inside is not None
    assert inside.representation is not None
    assert len(inside.representation) == len(inside) == 16
    assert inside.representation.std(axis=0).min() > 0


def test_answers_rest_on_the_moment_of_the_sample_that_tells(trained: Trained) -> None:
    found = trained.found.moments
    assert found is not None
    lost = dict(zip(found.inputs, found.lost, strict=True))
    assert lost["text"][0] > 0.2


def test_a_trained_model_judged_by_itself_gives_the_same_answers(trained: Trained) -> None:
    (before,) = trained.found.predictions.values()
    (after,) = trained.judged().predictions.values()
    assert after.sessions == before.sessions
    assert (after.probabilities == before.probabilities).all()


def test_a_trained_model_is_judged_on_the_part_that_is_named(trained: Trained) -> None:
    (answers,) = trained.judged(split="train").predictions.values()
    assert set(answers.sessions) == {f"v{number}" for number in range(6)}


def test_folds_by_group_judge_every_window(trained: Trained) -> None:
    planned = validated(trained.plan, task=None, by="group", has_test=False)
    found = Measured(planned).run(trained.data, None, Options(folds=3, quick=True), Quiet())
    (answers,) = found.predictions.values()
    assert len(set(answers.sessions)) == 10
    assert found.split.startswith("3 folds by group")


def test_the_test_part_of_a_set_from_elsewhere_is_judged_alone(
    trained: Trained, tmp_path: Path
) -> None:
    elsewhere = write_mosi(tmp_path / "elsewhere", video_prefix="other")
    planned = validated(trained.plan, task=None, by=None, has_test=True)
    found = Measured(planned).run(trained.data, elsewhere, Options(quick=True), Quiet())
    (answers,) = found.predictions.values()
    assert set(answers.sessions) == {f"kept-other{number}" for number in range(6, 10)}


def test_a_task_that_is_not_there_is_an_error(trained: Trained) -> None:
    with pytest.raises(EvaluationError, match="expected one of sentiment, got 'mood'"):
        trained.judged(task="mood")


def test_a_split_that_is_not_there_is_an_error(trained: Trained) -> None:
    with pytest.raises(EvaluationError, match="expected sessions of 'validation', got none"):
        trained.judged(split="validation")
