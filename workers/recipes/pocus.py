"""Lung ultrasound (POCUS): image, masked notes, and both, in folds by patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from workers.datasets.base import DataSet
from workers.datasets.windows import LabelledWindows
from workers.evaluation.folds import by_group, kept_elsewhere
from workers.learned.plan import ModelPlan
from workers.recipes.base import Goal, Options, Recipe
from workers.recipes.classifier import Cut, Variant
from workers.recipes.measure import Measured
from workers.recipes.planned import Change, Planned, of_sessions
from workers.train.logistic import fit_logistic
from workers.train.observing import Observer
from workers.train.plan import TrainPlan
from workers.train.sample_cache import SampleCache
from workers.train.trained import TrainedModel

_PLAN = Path(__file__).with_name("pocus.yaml")
_FOLDS = 5
#: Inverse of the penalty of each input's regression, fixed for all folds: standardised shares of
#: patterns, and a vector of words whose length is 1.
_STRENGTH = {"ultrasound": 0.1, "notes": 10.0}
_NOTES = (
    "The model sees a clip's frames, one a second, and its note: nothing of a file's name, its "
    "probe, its source or the columns of findings and symptoms.",
    "Masked in notes: words for diseases, germs and their absence (covid, pneumonia, viral, "
    "bacterial, infection, normal, healthy, diagnosis and their like; the list is _DISEASE in "
    "workers/datasets/pocus.py). A note that says nothing else is left out.",
    "Only frames and notes at hand are used; a clip is judged once, at the end of its window.",
    "Nothing is chosen on held-out patients while measuring. Kind of texture, penalties and the "
    "averaging over four distances were fixed beforehand, in trials on these same clips, of which "
    "the best (one distance, 5 pixels) was not taken.",
    "A seed draws the folds anew; the regressions themselves draw nothing.",
)


class Pocus(Planned):
    """Solved by regression instead of trained step by step."""

    def load(self, data: Path, test: Path | None, variant: str) -> DataSet:
        """See ``Planned.load``; the frames, some 35 MB, are read once for all folds."""
        found = super().load(data, test, variant)
        items = tuple(found.items())
        return replace(found, items=lambda: iter(items))

    def fitted(
        self,
        windows: LabelledWindows,
        cut: Cut,
        plan: TrainPlan,
        model: ModelPlan,
        cache: SampleCache,
        observer: Observer,
    ) -> TrainedModel:
        """See ``Planned.fitted``. Raises ``TrainError``."""
        del plan, observer
        training = of_sessions(windows, cut.training)
        return fit_logistic(training, model, _STRENGTH, seed=cut.seed, cache=cache)


def recipe() -> Recipe:
    """The recipe, for the catalog."""
    return Measured(
        Pocus(
            _PLAN,
            claim=(
                "Lung ultrasound (POCUS), 3 classes, 5 folds by patient: balanced accuracy of "
                "image and masked notes together above 0.75, and above either alone"
            ),
            task="diagnosis",
            goals=(Goal("balanced_accuracy", 0.75, "above image alone and notes alone, too"),),
            split=_cuts,
            inputs=("ultrasound", "notes"),
            seeds=5,
            changes=(
                Change(
                    Variant("notes unmasked", "the notes often say the diagnosis in words"),
                    options={"notes": "given"},
                ),
            ),
            notes=_NOTES,
        )
    )


def _cuts(data_set: DataSet, options: Options) -> tuple[Sequence[Cut], str]:
    seeds = options.seeds or 1
    if "test" in data_set.splits.values():
        cuts = [_whole(cut) for cut in kept_elsewhere(data_set, 1)]
        return cuts, "trained on all clips of --data, judged on those of --test; nothing is drawn"
    folds = options.folds or _FOLDS
    return (
        by_group(data_set, "diagnosis", folds, seeds, validation=False),
        f"{folds} folds by patient, labels spread evenly, drawn anew for each seed",
    )


def _whole(cut: Cut) -> Cut:
    """Nothing is chosen by validation, so that all may be learnt from."""
    return Cut(cut.seed, cut.training | cut.validation, cut.held_out)
