"""A trained model judged on a data set, whoever trained it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from schemas.pipeline import Pipeline
from schemas.settings import Settings
from workers.datasets.base import DataSet, Split
from workers.datasets.catalog import open_data_set
from workers.datasets.catalog import pipeline as pipeline_of
from workers.datasets.holding_out import with_test_set
from workers.errors import EvaluationError
from workers.evaluation.answering import WHOLE, open_trial
from workers.evaluation.in_stream import answered_in_stream, hold_against
from workers.learned.file import load_learned
from workers.learned.model import ARCHITECTURE
from workers.model_file import architecture_of
from workers.recipes import findings
from workers.recipes.base import Evaluation, Options, Progress
from workers.recipes.running import Outcome, Way, opened, views_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """What is judged. ``task``: the data set's only one where ``None``. ``split``: sessions of that
    split only; where ``None`` the test part if there is one, else everything. ``pipeline``: the
    data set's own where ``None``.
    """

    model: Path
    data_set: str
    data: Path
    test: Path | None = None
    task: str | None = None
    split: str | None = None
    pipeline: Pipeline | None = None


def judge_model(
    asked: Judging, options: Options, progress: Progress, settings: Settings | None = None
) -> Evaluation:
    """The figures of a model in a folder on held-out sessions. Blocks; nothing is trained.

    Raises ``ModelError``, ``DataSetError``, ``EvaluationError``.
    """
    settings = settings or Settings()
    data_set = open_data_set(asked.data_set, asked.data)
    if asked.test is not None:
        data_set = with_test_set(data_set, open_data_set(asked.data_set, asked.test))
    task = _task(data_set, asked.task)
    sessions, split = _sessions(data_set, asked.split)
    whole, origin = _known(asked.pipeline or pipeline_of(asked.data_set), asked.model)
    items = data_set.items
    data_set = replace(
        data_set, items=lambda: (item for item in items() if item.input in whole.inputs)
    )
    inputs = tuple(name for name in whole.inputs if not options.inputs or name in options.inputs)
    if not inputs:
        raise EvaluationError(f"--inputs: expected some of {', '.join(whole.inputs)}, got none")
    outcome = Outcome(Way(inputs))
    views = [] if options.quick else views_of(inputs)
    worker = settings.worker.model_copy(update={"device": options.device})

    async def ask() -> None:
        async with open_trial(
            whole, asked.model, data_set, task, sessions, worker, inputs
        ) as trial:
            with progress.track(f"{asked.data_set}: {asked.model.name}", 1 + len(views)) as advance:
                await trial.prepare()
                for view in (WHOLE, *views):
                    outcome.answers[view] = [await trial.answers(view)]
                    advance(1)
                if not options.quick:
                    outcome.moments = await trial.moments()
            if site is not None:
                with progress.track("in the stream"):
                    results = await answered_in_stream(
                        site, trial.pipeline, trial.items(), trial.windows
                    )
                name = asked.model.name
                held = hold_against(name, outcome.whole[0], trial.windows, results)
                outcome.equality.append(held)

    with opened(options, settings) as (_, site):
        asyncio.run(ask())
    return _evaluation(asked, data_set, split, origin, outcome, whole)


def _evaluation(
    asked: Judging,
    data_set: DataSet,
    split: str,
    origin: str,
    outcome: Outcome,
    pipeline: Pipeline,
) -> Evaluation:
    charts = []
    if len(outcome.answers) > 1:
        charts = [
            findings.masking_chart("accuracy", outcome),
            findings.misalignment_chart("accuracy", outcome),
        ]
    (answers,) = outcome.whole
    return Evaluation(
        recipe=f"{asked.model.name} on {asked.data_set}",
        claim=f"a trained model on {len(answers)} windows of {data_set.name}",
        figures=findings.claimed_figures((), outcome.whole),
        split=split,
        origin=data_set.origin,
        licence=data_set.licence,
        notes=[f"Whether the model was trained on any of this is for its card to say: {origin}."],
        charts=charts,
        predictions={"the model": answers},
        stream=outcome.equality,
        inside=answers,
        moments=outcome.moments,
        data_set=data_set,
        window_us=pipeline.window.size_us,
    )


def _task(data_set: DataSet, task: str | None) -> str:
    if task is None and len(data_set.tasks) == 1:
        (task,) = data_set.tasks
    if task is None or task not in data_set.tasks:
        raise EvaluationError(
            f"--task: expected one of {', '.join(data_set.tasks)}, got {str(task)[:40]!r}"
        )
    return task


def _sessions(data_set: DataSet, split: str | None) -> tuple[frozenset[str], str]:
    known = get_args(Split)
    if split is not None and split not in known:
        raise EvaluationError(f"--split: expected one of {', '.join(known)}, got {split[:40]!r}")
    wanted = split or ("test" if "test" in data_set.splits.values() else None)
    if wanted is None:
        return frozenset(data_set.groups), "all sessions: the data set has no test part"
    sessions = frozenset(key for key, part in data_set.splits.items() if part == wanted)
    if not sessions:
        raise EvaluationError(f"--split: expected sessions of {wanted!r}, got none")
    return sessions, f"the data set's own {wanted} part, {len(sessions)} sessions"


def _known(pipeline: Pipeline, model: Path) -> tuple[Pipeline, str]:
    """The pipeline with the inputs that the model takes, and what it says it was trained on."""
    if architecture_of(model) != ARCHITECTURE:
        return pipeline, "its model.json names the data"
    manifest = load_learned(model).manifest
    inputs = {name: spec for name, spec in pipeline.inputs.items() if name in manifest.inputs}
    if not inputs:
        raise EvaluationError(
            f"{model}: expected inputs of pipeline {pipeline.pipeline!r} "
            f"({', '.join(pipeline.inputs)}), got {', '.join(manifest.inputs)}; name the "
            "pipeline that it was trained for"
        )
    training = manifest.training
    told = f"{training.data}; split: {training.split or 'not stated'}"
    return pipeline.model_copy(update={"inputs": inputs}), told
