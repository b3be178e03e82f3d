"""BANKING77: the intent of a sentence, 77 of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from workers.datasets.base import DataSet
from workers.recipes.base import Goal, Options, Recipe
from workers.recipes.classifier import Cut, Variant
from workers.recipes.holding import official_without_validation
from workers.recipes.measure import Measured
from workers.recipes.planned import Change, Planned

PLAN = Path(__file__).with_suffix(".yaml")


def split(data_set: DataSet, options: Options) -> tuple[Sequence[Cut], str]:
    """Every training, and what is learnt from and judged in words. Raises ``EvaluationError``."""
    return official_without_validation(data_set, options), (
        "the data set's own: learnt from train.csv, judged on test.csv (or on --test); nothing is "
        "chosen by either, epochs are fixed"
    )


def recipe() -> Recipe:
    """The recipe of ``sensorium evaluate --recipe banking77``. Raises ``TrainError``."""
    return Measured(
        Planned(
            PLAN,
            claim="Intent of a bank customer's sentence on the test set of BANKING77: accuracy "
            "above 92 %",
            task="intent",
            goals=[Goal("accuracy", 0.92, "Casanueva et al. 2020: 92.8 to 93.7 with USE and BERT")],
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
            notes=["A sentence is a session of its own: the model knows nothing but its words."],
        )
    )
