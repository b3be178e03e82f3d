"""CLINC150: the intent of a sentence, 150 of them, or none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from workers.datasets.base import DataSet
from workers.errors import EvaluationError
from workers.recipes.base import Goal, Options, Recipe
from workers.recipes.classifier import Cut, Variant
from workers.recipes.holding import official_without_validation, sessions_of
from workers.recipes.measure import Measured
from workers.recipes.planned import Change, Planned

PLAN = Path(__file__).with_suffix(".yaml")
_SOURCE = "Larson et al. 2019, Table 2: MLP with oos-train 93.5 / 47.4"


def split(data_set: DataSet, options: Options) -> tuple[Sequence[Cut], str]:
    """Every training, and what is learnt from and judged in words. Raises ``EvaluationError``."""
    if sessions_of(data_set, "test"):
        return official_without_validation(data_set, options), (
            "the data set's own: learnt from train and oos_train, judged on test and oos_test; val "
            "and oos_val are not used"
        )
    training, judged = sessions_of(data_set, "train"), sessions_of(data_set, "validation")
    if not training or not judged:
        raise EvaluationError(
            f"{data_set.name}: expected train and val, got {len(training)} and {len(judged)} "
            "sentences; give the whole file"
        )
    seeds = options.seeds or 1
    return [Cut(seed, training, judged) for seed in range(1, seeds + 1)], (
        "the data set's own: learnt from train and oos_train, judged on val and oos_val, by which "
        "nothing is chosen; the official test is judged with --test"
    )


def recipe() -> Recipe:
    """The recipe of ``sensorium evaluate --recipe clinc150``. Raises ``TrainError``."""
    return Measured(
        Planned(
            PLAN,
            claim="Intent of a sentence or that it is out of scope, on CLINC150: in-scope accuracy "
            "above 93 % with out-of-scope recall above 47 %",
            task="intent",
            goals=[
                Goal("in_scope_accuracy", 0.93, _SOURCE),
                Goal("out_of_scope_recall", 0.47, _SOURCE),
            ],
            split=split,
            seeds=3,
            changes=[
                Change(
                    Variant(
                        "n-grams alone", "without sentence vectors: nothing needs sensorium[text]"
                    ),
                    model={"encoders": {"transcript": {"kind": "words"}}},
                )
            ],
            notes=[
                "A sentence is a session of its own: the model knows nothing but its words.",
                "An in-scope sentence that is taken for out of scope counts as wrong.",
                "The threshold follows from cross-validation on train and oos_train, but figures "
                "of val and oos_val had been seen when the rule for it was written.",
            ],
        )
    )
