"""Makes a recipe of a classifier: trains it in every way that is to be compared, and measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from schemas.settings import Settings
from workers.datasets.base import DataSet
from workers.errors import EvaluationError
from workers.evaluation.folds import check_cuts
from workers.evaluation.metrics import find_metric
from workers.recipes import findings
from workers.recipes.base import Evaluation, Figure, Options, Progress
from workers.recipes.classifier import Classifier, Cut
from workers.recipes.running import Outcome, Runner, Way, opened, views_of


class Measured:
    """A ``Recipe``: the claimed figures of a classifier and, unless ``quick``, what smaller sets
    of inputs and its variants reach, and what absent and misaligned inputs do to it.
    """

    def __init__(self, classifier: Classifier, settings: Settings | None = None) -> None:
        self._classifier = classifier
        self._settings = settings or Settings()

    @property
    def name(self) -> str:
        """As ``--recipe`` takes it."""
        return self._classifier.name

    @property
    def claim(self) -> str:
        """What it measures and which figure it is held to."""
        return self._classifier.claim

    def run(
        self, data: Path, test: Path | None, options: Options, progress: Progress
    ) -> Evaluation:
        """See ``workers.recipes.base.Recipe.run``."""
        classifier = self._classifier
        if options.sequences:
            raise EvaluationError(
                f"recipe {self.name!r}: expected no --sequences, it has no recordings by name"
            )
        inputs = _chosen(classifier, options)
        data_set, cuts, split = self._load(data, test, "", options)
        metric = classifier.goals[0].metric
        with opened(options, self._settings) as (folder, site):
            runner = Runner(classifier, options, progress, self._settings, folder)
            way = Way(inputs)
            views = [] if options.quick else views_of(inputs)
            whole = runner.run(data_set, cuts, way, views, site)
            parts: dict[Way, Outcome] = {}
            variants: dict[Way, Outcome] = {}
            if not options.quick:
                for fewer in _fewer(inputs):
                    parts[fewer] = runner.run(data_set, cuts, fewer, (), None)
                for variant in classifier.variants:
                    other, same, _ = self._load(data, test, variant.name, options)
                    varied = Way((*inputs, *variant.adds), variant.name)
                    variants[varied] = runner.run(other, same, varied, (), None)
        return self._evaluation(data_set, split, metric, whole, parts, variants)

    def _load(
        self, data: Path, test: Path | None, variant: str, options: Options
    ) -> tuple[DataSet, Sequence[Cut], str]:
        data_set = self._classifier.load(data, test, variant)
        cuts, split = self._classifier.cuts(data_set, options)
        if options.folds is not None and options.folds != len({cut.fold for cut in cuts}):
            raise EvaluationError(
                f"--folds: expected none, got {options.folds}; the split of {self.name!r} is "
                f"given: {split}"
            )
        if options.seeds is not None and options.seeds != len({cut.seed for cut in cuts}):
            raise EvaluationError(
                f"--seeds: expected none, got {options.seeds}; this split and its training draw "
                f"nothing: {split}"
            )
        check_cuts(cuts, data_set.groups)
        return data_set, cuts, split

    def _evaluation(
        self,
        data_set: DataSet,
        split: str,
        metric: str,
        whole: Outcome,
        parts: Mapping[Way, Outcome],
        variants: Mapping[Way, Outcome],
    ) -> Evaluation:
        classifier = self._classifier
        predictions = {f"seed {number}": each for number, each in enumerate(whole.whole, 1)}
        figures = [
            *findings.claimed_figures(classifier.goals, whole.whole),
            *classifier.figures(predictions),
            *self._variants(metric, variants),
        ]
        charts = []
        if parts:
            figures += findings.alone(metric, whole, parts)
            figures += findings.missing_inputs(metric, whole, parts)
            charts.append(findings.masking_chart(metric, whole))
            charts.append(findings.misalignment_chart(metric, whole))
        if parts or variants:
            charts.append(findings.training_chart(metric, whole, {**parts, **variants}))
        folds = findings.fold_table(metric, whole)
        return Evaluation(
            recipe=self.name,
            claim=self.claim,
            figures=figures,
            split=split,
            origin=data_set.origin,
            licence=data_set.licence,
            notes=[*classifier.notes, *_remarks(whole)],
            tables=[] if folds is None else [folds],
            charts=charts,
            curves=whole.curves,
            predictions=predictions,
            stream=whole.equality,
            inside=whole.by_fold[0][1],
            moments=whole.moments,
            data_set=data_set,
            window_us=classifier.pipeline("").window.size_us,
        )

    def _variants(self, metric: str, variants: Mapping[Way, Outcome]) -> list[Figure]:
        known = {variant.name: variant for variant in self._classifier.variants}
        return [
            findings.measured(
                f"{way.variant}: {find_metric(metric).title}",
                metric,
                outcome.whole,
                goal=known[way.variant].goal,
                note=known[way.variant].about,
            )
            for way, outcome in variants.items()
        ]


def _chosen(classifier: Classifier, options: Options) -> tuple[str, ...]:
    for name in options.inputs:
        if name not in classifier.inputs:
            raise EvaluationError(
                f"--inputs: expected some of {', '.join(classifier.inputs)}, got {name[:40]!r}"
            )
    return tuple(name for name in classifier.inputs if not options.inputs or name in options.inputs)


def _fewer(inputs: Sequence[str]) -> list[Way]:
    """Every smaller set of the inputs, single ones first."""
    return [Way(chosen) for size in range(1, len(inputs)) for chosen in combinations(inputs, size)]


def _remarks(whole: Outcome) -> list[str]:
    remarks = []
    if whole.reused:
        remarks.append(
            f"{whole.reused} models were not trained but taken from the folder that was named; "
            "that they were trained by this recipe's code is not checked."
        )
    if whole.refused or whole.late:
        remarks.append(
            f"Of the held-out samples, over all folds and seeds, {whole.refused} were refused by "
            f"a codec or the model, {whole.late} came too late for their window."
        )
    return remarks
