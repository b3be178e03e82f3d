"""What a recipe that trains classifiers says; how it is measured is the same for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from schemas.pipeline import Pipeline
from workers.datasets.base import DataSet
from workers.evaluation.predictions import Predictions
from workers.recipes.base import Curve, Figure, Goal, Options, Progress


@dataclass(frozen=True, slots=True)
class Cut:
    """One training and what is held out from it. Sessions; the three are disjoint, and no group
    lies in two of them.

    ``seed``: of the training. ``fold``: name of the fold, empty for an official split. The cuts of
    one seed together hold out every item to be judged exactly once.
    """

    seed: int
    training: frozenset[str]
    held_out: frozenset[str]
    validation: frozenset[str] = frozenset()
    fold: str = ""

    @property
    def name(self) -> str:
        """Such as ``seed 1`` or ``seed 1, fold 3``; also how its model's folder is named."""
        return f"seed {self.seed}, {self.fold}" if self.fold else f"seed {self.seed}"


@dataclass(frozen=True, slots=True)
class Variant:
    """Another way to do it that is reported beside: ``plain concatenation``, ``notes unmasked``.

    ``goal`` of the recipe's first metric, where one is claimed of the variant. ``adds``: inputs
    that it takes besides those of the recipe.
    """

    name: str
    about: str
    goal: float | None = None
    adds: tuple[str, ...] = ()


class Classifier(Protocol):
    """One data set, one task, one way to train. ``measure.Measured`` makes a ``Recipe``
    of it.

    ``inputs``: names of the pipeline's inputs, each of which is left out and taken alone.
    ``goals``: the first one's metric is also that of ablation and robustness. Metrics are those of
    ``workers.evaluation.metrics.METRICS``. ``seeds``: how many the claim takes. ``notes``: what
    has to be known, such as whether the model sees only the past and present of the stream.
    ``variant`` below is the name of one of ``variants``, empty for the recipe itself.
    """

    name: str
    claim: str
    task: str
    inputs: tuple[str, ...]
    goals: tuple[Goal, ...]
    seeds: int
    variants: tuple[Variant, ...]
    notes: tuple[str, ...]

    def pipeline(self, variant: str) -> Pipeline:
        """As the stream serves it. ``model.name`` is replaced by the folder of a trained model."""

    def load(self, data: Path, test: Path | None, variant: str) -> DataSet:
        """Both as one data set, what is from ``test`` being of its split ``test``. Raises
        ``DataSetError``.
        """

    def cuts(self, data_set: DataSet, options: Options) -> tuple[Sequence[Cut], str]:
        """Every training, and where the split comes from in a sentence. See
        ``workers.evaluation.folds`` for the usual ways.
        """

    def train(
        self,
        data_set: DataSet,
        cut: Cut,
        inputs: tuple[str, ...],
        variant: str,
        out: Path,
        progress: Progress,
    ) -> Sequence[Curve]:
        """Train on ``cut.training``, choosing by ``cut.validation``, and write a model to ``out``
        which ``workers.backends.opening`` opens. Samples of inputs that are not in ``inputs`` are
        not to be looked at. Nothing of ``cut.held_out`` is used.
        """

    def figures(self, predictions: dict[str, Predictions]) -> Sequence[Figure]:
        """Figures that are this recipe's own, over name of a repetition -> its answers; those of
        ``goals`` and the usual metrics are measured besides. May be none.
        """
