"""Recipes of speech and of words: what is learnt from, what is judged, and their own figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.datasets.small import clinc150, emodb, load
from workers.datasets.holding_out import with_test_set
from workers.errors import EvaluationError
from workers.evaluation.predictions import Predictions
from workers.recipes import clinc150 as clinc_recipe
from workers.recipes import emodb as emodb_recipe
from workers.recipes.base import Options
from workers.recipes.catalog import find_recipe
from workers.recipes.holding import each_group_or_test
from workers.train.plan import model_of, pipeline_of, read_train_plan

PLANS = Path(clinc_recipe.__file__).parent
TASKS = {
    "intent": ("a", "out_of_scope"),
    "emotion": ("anger", "sadness"),
    "sentiment": ("negative", "positive"),
}


@pytest.mark.parametrize("name", ["banking77", "clinc150", "emodb"])
def test_a_recipe_of_this_name_is_found(name: str) -> None:
    assert find_recipe(name).name == name


@pytest.mark.parametrize("name", ["banking77", "clinc150", "emodb", "call_real"])
def test_a_plan_has_an_encoder_for_each_input_of_its_pipeline(name: str) -> None:
    path = PLANS / f"{name}.yaml"
    plan = read_train_plan(path)
    model = model_of(plan, TASKS, path) if name != "banking77" else None
    pipeline = pipeline_of(plan, path)
    assert set(plan.model["encoders"]) == set(pipeline.inputs)
    if model is not None:
        window = pipeline.window
        assert window.every_us * model.context.steps == window.size_us


def test_clinc150_judges_the_validation_part_where_there_is_no_test(tmp_path: Path) -> None:
    data = load("clinc150", clinc150(tmp_path))
    cuts, said = clinc_recipe.split(data, Options(seeds=2))
    assert [cut.seed for cut in cuts] == [1, 2]
    assert cuts[0].training == {"train-00001", "train-00002"}
    assert cuts[0].held_out == {"val-00001", "oos_val-00001"}
    assert "val and oos_val" in said


def test_clinc150_judges_the_test_part_of_a_whole_file_that_is_kept_elsewhere(
    tmp_path: Path,
) -> None:
    data = load("clinc150", clinc150(tmp_path))
    (tmp_path / "kept").mkdir()
    kept = clinc150(
        tmp_path / "kept", {"train": [["pay it", "pay_bill"]], "test": [["my money", "balance"]]}
    )
    cuts, said = clinc_recipe.split(with_test_set(data, load("clinc150", kept)), Options(seeds=1))
    assert cuts[0].held_out == {"kept-test-00001"}
    assert cuts[0].training == {"train-00001", "train-00002"}
    assert "val and oos_val are not used" in said


def test_clinc150_without_a_training_part_is_refused(tmp_path: Path) -> None:
    data = load("clinc150", clinc150(tmp_path, {"val": [["pay", "pay_bill"]]}))
    with pytest.raises(EvaluationError, match="expected train and val, got 0 and 1"):
        clinc_recipe.split(data, Options())


def test_each_speaker_is_held_out_once_and_all_others_are_learnt_from(tmp_path: Path) -> None:
    data = load("emodb", emodb(tmp_path, ("03", "08", "09")))
    cuts, _ = each_group_or_test(data, "emotion", Options(seeds=1))
    assert [cut.held_out for cut in cuts] == [{f"speaker-{n}"} for n in ("03", "08", "09")]
    assert all(len(cut.training) == 2 and not cut.validation for cut in cuts)


def test_speakers_kept_elsewhere_are_judged_by_a_model_of_all_others(tmp_path: Path) -> None:
    data = with_test_set(
        load("emodb", emodb(tmp_path / "a", ("03", "08"))),
        load("emodb", emodb(tmp_path / "b", ("15", "16"))),
    )
    (cut,), _ = each_group_or_test(data, "emotion", Options(seeds=1))
    assert cut.training == {"speaker-03", "speaker-08"}
    assert cut.held_out == {"kept-speaker-15", "kept-speaker-16"}


def answers(right: dict[str, Sequence[bool]]) -> Predictions:
    """Speaker -> whether each utterance, in order, is answered rightly; two labels in turn."""
    rows = [(name, n, good) for name, row in right.items() for n, good in enumerate(row)]
    truth = np.asarray([n % 2 for _, n, _ in rows])
    said = np.asarray([t if good else 1 - t for t, (_, _, good) in zip(truth, rows, strict=True)])
    names = tuple(name for name, _, _ in rows)
    starts = np.asarray([n for _, n, _ in rows], np.int64)
    return Predictions(
        "emotion", ("anger", "sadness"), names, names, starts, truth, np.eye(2)[said]
    )


def test_the_mean_over_speakers_counts_each_speaker_alike() -> None:
    found = emodb_recipe.by_speaker(
        {"seed 1": answers({"03": [True] * 20, "11": [False, True]})}, None
    )
    assert found == {"03": 1.0, "11": 0.5}


def test_the_first_utterances_are_those_that_came_first() -> None:
    found = emodb_recipe.by_speaker(
        {"seed 1": answers({"03": [False, False, True, True]})}, first=2
    )
    assert found == {"03": 0.0}


def test_seeds_are_averaged_for_each_speaker() -> None:
    runs = {"seed 1": answers({"03": [True, True]}), "seed 2": answers({"03": [False, False]})}
    assert emodb_recipe.by_speaker(runs, None) == {"03": 0.5}
