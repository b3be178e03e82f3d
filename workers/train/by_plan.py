"""From a plan to a model's folder: read, divide, fit, measure, write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from workers.datasets.base import Split
from workers.datasets.windows import LabelledWindows
from workers.errors import PlanError, TrainError
from workers.learned.file import LearnedManifest, Measured, Origin
from workers.train.data import TrainingData, divided, read_data
from workers.train.fitting import fit
from workers.train.observing import Observer
from workers.train.plan import TrainPlan, model_of, pipeline_of
from workers.train.predict import predict
from workers.train.sample_cache import SampleCache
from workers.train.saving import save_trained
from workers.train.scores import scores_of
from workers.train.trained import TrainedModel

#: Decimals of figures in model.json.
_DECIMALS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a run has besides its plan. ``cache``: folder of frozen encoders' features."""

    checkpoints: Path | None = None
    resume: bool = False
    cache: Path | None = None


class Trained(msgspec.Struct, frozen=True):
    """What came of a plan."""

    manifest: LearnedManifest
    kept_epoch: int
    epochs: int
    windows: dict[str, int]


def train_by_plan(
    plan: TrainPlan,
    plan_path: Path,
    data_path: Path | None,
    out: Path,
    options: RunOptions,
    observer: Observer | None = None,
) -> Trained:
    """Train the model of a plan and write it to the folder ``out``.

    Raises ``TrainError``, ``DataSetError``, ``OfflineError``, ``PipelineFileError``,
    ``DeviceError``.
    """
    pipeline = pipeline_of(plan, plan_path)
    where = data_path or _beside(plan_path, plan.data.path)
    if where is None:
        raise TrainError(f"{plan_path}: data.path: expected where the data lies; or give --data")
    told = plan.data
    if told.labels is not None:
        told = told.model_copy(update={"labels": str(plan_path.parent / told.labels)})
    data = divided(read_data(told, where, pipeline), plan.split)
    windows = data.windows
    model_plan = model_of(plan, dict(windows.tasks), plan_path)
    cache = SampleCache(windows.samples, folder=options.cache)
    try:
        trained = fit(
            windows.of_split("train"),
            windows.of_split("validation"),
            model_plan,
            plan.optimisation,
            seed=plan.seed,
            device=plan.device,
            cache=cache,
            checkpoints=options.checkpoints,
            resume=options.resume,
            observer=observer,
        )
    except PlanError as error:
        raise error.of_file(str(plan_path)) from None
    manifest = save_trained(
        out,
        trained,
        name=plan.name,
        version=plan.version,
        pipeline=pipeline.pipeline,
        origin=_origin(plan, plan_path, data),
        metrics=measured(trained, windows, cache),
    )
    counts = {split: len(windows.of_split(split)) for split in ("train", "validation", "test")}
    return Trained(manifest, trained.kept_epoch, len(trained.curve), counts)


def measured(
    trained: TrainedModel, windows: LabelledWindows, cache: SampleCache
) -> dict[str, dict[str, Measured]]:
    """Split -> ``task metric`` -> figure, of what was not trained on."""
    found: dict[str, dict[str, Measured]] = {}
    splits: tuple[Split, ...] = ("validation", "test")
    for split in splits:
        held_out = windows.of_split(split)
        if len(held_out):
            found[split] = {
                f"{task} {metric}": Measured(round(value, _DECIMALS))
                for task, scores in scores_on(trained, held_out, cache).items()
                for metric, value in scores.items()
            }
    return found


def scores_on(
    trained: TrainedModel, windows: LabelledWindows, cache: SampleCache
) -> Mapping[str, Mapping[str, float]]:
    """Task -> metric -> score of a trained model's answers to labelled windows."""
    probabilities = predict(trained.model(), windows, cache).probabilities
    return {
        task: scores_of(probabilities[task], windows.indices(task))
        for task in trained.plan.tasks
        if task in windows.tasks
    }


def _beside(plan_path: Path, named: str | None) -> Path | None:
    return None if named is None else plan_path.parent / named


def _origin(plan: TrainPlan, plan_path: Path, data: TrainingData) -> Origin:
    limits = list(plan.about.limits)
    if not data.redistributable:
        limits.append("The data's licence does not allow these weights to be passed on.")
    return Origin(
        data=data.origin,
        data_licence=data.licence,
        weights_licence=plan.about.weights_licence,
        command=f"sensorium train {plan_path.name}",
        seed=plan.seed,
        split=data.split,
        use=list(plan.about.use),
        limits=limits,
    )
