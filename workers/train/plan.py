"""The plan of a training: one YAML file says pipeline, data, model and optimisation."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from schemas.model import FolderName
from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline
from schemas.strict import Strict
from schemas.validation import explain
from schemas.yaml_text import YamlProblem, read_yaml
from workers.datasets import catalog
from workers.errors import TrainError
from workers.learned.plan import ModelPlan
from workers.train.optimisation import Optimisation

_LARGEST_BYTES = 1_000_000


class DataPlan(Strict):
    """Where windows and labels come from.

    Either a data set that can be read (``set``: its name, ``options``: of its reader), or windows
    that `sensorium align` has written, with the file of ``labels`` and the ``tasks`` they are of.
    ``path``, of either, may be given on the command line. ``licence`` and ``origin`` are said by a
    data set itself.
    """

    set: str | None = None
    path: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    labels: str | None = None
    tasks: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    licence: str = "not stated"
    origin: str = "recorded windows"
    redistributable: bool = False

    @model_validator(mode="after")
    def _one_of(self) -> DataPlan:
        if (self.set is None) == (self.labels is None):
            got = "neither" if self.set is None else "both"
            raise ValueError(
                f"set: expected it for a data set, or labels for aligned windows, got {got}"
            )
        if self.labels is not None and not self.tasks:
            raise ValueError("tasks: expected the labels of each task beside a file of labels")
        return self


class SplitPlan(Strict):
    """Which windows are held back where the data does not say: shares of the groups (speakers,
    patients, …), drawn by ``seed``, so that no group is on two sides.
    """

    validation: float = Field(default=0.15, ge=0.0, lt=1.0)
    test: float = Field(default=0.0, ge=0.0, lt=1.0)
    seed: int = 0


class AboutPlan(Strict):
    """What the model card says besides the figures."""

    use: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    weights_licence: str = "not stated"


class TrainPlan(Strict):
    """A training. ``pipeline``: a shipped name, a file beside the plan, or the pipeline itself; the
    data set's own without it. ``model``: see ``workers.learned.plan.ModelPlan``; a task that does
    not list its ``labels`` has those of the data.
    """

    name: FolderName
    version: FolderName = "1"
    pipeline: str | dict[str, Any] | None = None
    data: DataPlan
    model: dict[str, Any]
    optimisation: Optimisation = Optimisation()
    split: SplitPlan = SplitPlan()
    about: AboutPlan = AboutPlan()
    seed: int = Field(default=1, ge=0)
    device: Literal["cpu", "cuda", "auto"] = "cpu"


def read_train_plan(path: Path) -> TrainPlan:
    """The plan of a file. Raises ``TrainError`` with one line: file, key, expected, got."""
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise TrainError(f"{path}: expected a plan of at most {_LARGEST_BYTES} bytes")
        tree, _ = read_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainError(f"{path}: expected a plan, got {error.strerror}; name a file") from None
    except YamlProblem as wrong:
        raise TrainError(wrong.at(path)) from None
    except UnicodeDecodeError:
        raise TrainError(f"{path}: expected UTF-8 text, got other bytes") from None
    if not isinstance(tree, dict):
        raise TrainError(f"{path}: expected keys such as 'name:', 'data:' and 'model:'")
    try:
        return TrainPlan.model_validate(tree)
    except ValidationError as error:
        problem = explain(error, TrainPlan)[0]
        raise TrainError(f"{path}: {problem.key}: {problem.message}") from None


def pipeline_of(plan: TrainPlan, path: Path) -> Pipeline:
    """The pipeline of a plan that lies at ``path``.

    Raises ``TrainError``, ``PipelineFileError``, ``DataSetError``.
    """
    if isinstance(plan.pipeline, dict):
        try:
            return Pipeline.model_validate(plan.pipeline)
        except ValidationError as error:
            problem = explain(error, Pipeline)[0]
            raise TrainError(f"{path}: pipeline.{problem.key}: {problem.message}") from None
    if plan.pipeline is not None:
        beside = path.parent / plan.pipeline
        return load_pipeline(str(beside) if beside.is_file() else plan.pipeline)
    if plan.data.set is None:
        raise TrainError(f"{path}: pipeline: expected the one that the windows were aligned for")
    return catalog.pipeline(plan.data.set)


def model_of(plan: TrainPlan, tasks: dict[str, tuple[str, ...]], path: Path) -> ModelPlan:
    """The model's plan, with labels from the data where it has none. Raises ``TrainError``."""
    described = dict(plan.model)
    asked = described.get("tasks", {task: {} for task in tasks})
    if isinstance(asked, dict):
        described["tasks"] = {
            task: {"labels": tasks[task], **(rules or {})} if task in tasks else rules
            for task, rules in asked.items()
        }
    try:
        return ModelPlan.model_validate(described)
    except ValidationError as error:
        problem = explain(error, ModelPlan)[0]
        raise TrainError(f"{path}: model.{problem.key}: {problem.message}") from None
