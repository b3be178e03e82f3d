"""A classifier that a plan file describes: what is left to say is how it is split and claimed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from schemas.pipeline import Pipeline
from workers.datasets.base import DataSet
from workers.datasets.catalog import open_data_set
from workers.datasets.holding_out import with_test_set
from workers.datasets.windows import LabelledWindows, label_windows
from workers.errors import PlanError, TrainError
from workers.evaluation.predictions import Predictions
from workers.learned.file import Origin
from workers.learned.plan import ModelPlan
from workers.recipes.base import Curve, Figure, Goal, Options, Progress
from workers.recipes.classifier import Cut, Variant
from workers.train.checkpoint import Epoch
from workers.train.fitting import fit
from workers.train.observing import Observer
from workers.train.plan import TrainPlan, model_of, pipeline_of, read_train_plan
from workers.train.sample_cache import SampleCache
from workers.train.saving import save_trained
from workers.train.trained import TrainedModel

Cuts = Callable[[DataSet, Options], tuple[Sequence[Cut], str]]


@dataclass(frozen=True, slots=True)
class Change:
    """A variant of a plan. ``model``, ``optimisation``: keys of the plan that are put in place of
    its own, section by section; ``options``: of the data set's reader, besides the plan's.
    ``plan``: the file of another plan to start from, which has the inputs that the variant adds.
    """

    variant: Variant
    plan: Path | None = None
    model: Mapping[str, Any] = field(default_factory=dict)
    optimisation: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


class Planned:
    """A ``Classifier`` from a plan; see there for the arguments.

    ``split``: makes the cuts. ``inputs``: those of the plan's model where ``None``.
    """

    def __init__(
        self,
        plan_path: Path,
        *,
        claim: str,
        task: str,
        goals: Sequence[Goal],
        split: Cuts,
        name: str | None = None,
        inputs: Sequence[str] | None = None,
        seeds: int = 5,
        changes: Sequence[Change] = (),
        notes: Sequence[str] = (),
    ) -> None:
        """Raises ``TrainError`` for a plan that cannot be read or is of no data set."""
        self._path = plan_path
        self._plan = read_train_plan(plan_path)
        if self._plan.data.set is None:
            raise TrainError(f"{plan_path}: data.set: expected a data set, which is judged too")
        self._changes = {change.variant.name: change for change in changes}
        self._split = split
        self._known: tuple[DataSet, LabelledWindows, SampleCache] | None = None
        self.name = name or self._plan.name
        self.claim = claim
        self.task = task
        self.goals = tuple(goals)
        self.seeds = seeds
        self.inputs = tuple(inputs or self._plan.model.get("encoders", ()))
        self.variants = tuple(change.variant for change in changes)
        self.notes = tuple(notes)

    def pipeline(self, variant: str) -> Pipeline:
        """The plan's, with the inputs that its model takes."""
        pipeline = pipeline_of(self._changed(variant), self._path)
        change = self._changes.get(variant)
        known = self.inputs if change is None else (*self.inputs, *change.variant.adds)
        inputs = {name: spec for name, spec in pipeline.inputs.items() if name in known}
        return pipeline.model_copy(update={"inputs": inputs})

    def load(self, data: Path, test: Path | None, variant: str) -> DataSet:
        """The plan's data set, of the samples that the pipeline has inputs for."""
        plan = self._changed(variant)
        name, options = plan.data.set or "", plan.data.options
        found = open_data_set(name, data, options)
        if test is not None:
            found = with_test_set(found, open_data_set(name, test, options))
        known = self.pipeline(variant).inputs.keys()
        items = found.items
        return replace(found, items=lambda: (item for item in items() if item.input in known))

    def cuts(self, data_set: DataSet, options: Options) -> tuple[Sequence[Cut], str]:
        """As ``split`` says."""
        if options.seeds is None:
            options = replace(options, seeds=self.seeds)
        return self._split(data_set, options)

    def figures(self, predictions: dict[str, Predictions]) -> Sequence[Figure]:
        """None besides the usual ones."""
        del predictions
        return ()

    def train(
        self,
        data_set: DataSet,
        cut: Cut,
        inputs: tuple[str, ...],
        variant: str,
        out: Path,
        progress: Progress,
    ) -> Sequence[Curve]:
        """By ``workers.train.fitting.fit``. Raises ``TrainError``, ``DataSetError``."""
        plan, pipeline = self._changed(variant), self.pipeline(variant)
        windows, cache = self._windows(data_set, pipeline)
        shown = windows.without(pipeline.inputs.keys() - set(inputs))
        model = _narrowed(model_of(plan, dict(windows.tasks), self._path), inputs)
        with _Bar(progress, cut.name) as observer:
            try:
                trained = self.fitted(shown, cut, plan, model, cache, observer)
            except PlanError as error:
                raise error.of_file(str(self._path)) from None
        self._save(out, plan, pipeline, data_set, cut, trained)
        return [_curve(cut.name, trained)] if trained.curve else []

    def fitted(
        self,
        windows: LabelledWindows,
        cut: Cut,
        plan: TrainPlan,
        model: ModelPlan,
        cache: SampleCache,
        observer: Observer,
    ) -> TrainedModel:
        """A model of one cut's windows, ``windows`` being of all sessions."""
        return fit(
            of_sessions(windows, cut.training),
            of_sessions(windows, cut.validation) if cut.validation else None,
            model,
            plan.optimisation,
            seed=cut.seed,
            device=plan.device,
            cache=cache,
            observer=observer,
        )

    def _save(
        self,
        out: Path,
        plan: TrainPlan,
        pipeline: Pipeline,
        data_set: DataSet,
        cut: Cut,
        trained: TrainedModel,
    ) -> None:
        limits = list(plan.about.limits)
        if not data_set.redistributable:
            limits.append("The data's licence does not allow these weights to be passed on.")
        save_trained(
            out,
            trained,
            name=plan.name,
            version=plan.version,
            pipeline=pipeline.pipeline,
            origin=Origin(
                data=data_set.origin,
                data_licence=data_set.licence,
                weights_licence=plan.about.weights_licence,
                command=f"sensorium evaluate, {cut.name}",
                seed=cut.seed,
                split=f"{len(cut.training)} sessions learnt from, {len(cut.validation)} chosen by",
                use=list(plan.about.use),
                limits=limits,
            ),
            metrics={},
        )

    def _windows(
        self, data_set: DataSet, pipeline: Pipeline
    ) -> tuple[LabelledWindows, SampleCache]:
        """Of the newest data set that was asked about: all its cuts are of the same windows."""
        if self._known is None or self._known[0] is not data_set:
            windows = label_windows(data_set, pipeline)
            self._known = (data_set, windows, SampleCache(windows.samples))
        return self._known[1], self._known[2]

    def _changed(self, variant: str) -> TrainPlan:
        change = self._changes.get(variant)
        if change is None:
            return self._plan
        start = self._plan if change.plan is None else read_train_plan(change.plan)
        tree = start.model_dump(mode="json", exclude_unset=True)
        tree["model"] = {**tree["model"], **change.model}
        tree["optimisation"] = {**tree.get("optimisation", {}), **change.optimisation}
        tree["data"]["options"] = {**tree["data"].get("options", {}), **change.options}
        return TrainPlan.model_validate(tree)


def of_sessions(windows: LabelledWindows, sessions: frozenset[str]) -> LabelledWindows:
    """The windows of some sessions."""
    return windows.only(
        at for at, window in enumerate(windows.windows) if window.session in sessions
    )


def _narrowed(model: ModelPlan, inputs: Sequence[str]) -> ModelPlan:
    """The model of some of its inputs."""
    return model.model_copy(
        update={
            "encoders": {name: each for name, each in model.encoders.items() if name in inputs},
            "projections": {
                name: each for name, each in model.projections.items() if name in inputs
            },
        }
    )


def _curve(name: str, trained: TrainedModel) -> Curve:
    series: dict[str, list[float]] = {"training loss": [each.loss for each in trained.curve]}
    for task, scores in (trained.curve[0].scores if trained.curve else {}).items():
        for metric in scores:
            values = [each.scores.get(task, {}).get(metric, np.nan) for each in trained.curve]
            series[f"validation {metric.replace('_', ' ')}"] = [float(each) for each in values]
    return Curve(name, series, trained.kept_epoch - 1)


class _Bar:
    """Shows a training's steps."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._name = name
        self._open = ExitStack()
        self._advance: Callable[[int], None] = lambda steps: None

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def begun(self, epochs: int, steps_per_epoch: int) -> None:
        """See ``workers.train.fitting.Observer``."""
        track: AbstractContextManager[Callable[[int], None]] = self._progress.track(
            f"training {self._name}", epochs * steps_per_epoch
        )
        self._advance = self._open.enter_context(track)

    def step(self) -> None:
        """See ``Observer``."""
        self._advance(1)

    def epoch(self, found: Epoch) -> None:
        """See ``Observer``."""
        del found
