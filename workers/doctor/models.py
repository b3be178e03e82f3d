"""The models: whether each pipeline's can be used, and what its workers make of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from redis.exceptions import RedisError

from schemas.pipeline import Pipeline
from schemas.settings import RedisSettings, WorkerSettings
from workers.doctor.finding import Finding, ok, problem, warning
from workers.errors import ModelError, WorkerError
from workers.inference.loading import load_compute
from workers.registry.board import Notice, read_boards
from workers.registry.choice import choose, is_local
from workers.registry.shadow import shadow_pipeline
from workers.registry.store import Registry
from workers.registry.sums import check_sums


def check_models(pipelines: Iterable[Pipeline], worker: WorkerSettings) -> list[Finding]:
    """Whether each pipeline's model, and its shadow, is there, undamaged, and fits."""
    findings = []
    for pipeline in pipelines:
        findings.append(_check_model(f"model of {pipeline.pipeline}", pipeline, worker))
        if (shadowed := shadow_pipeline(pipeline)) is not None:
            findings.append(_check_model(f"shadow of {pipeline.pipeline}", shadowed, worker))
    return findings


def _check_model(check: str, pipeline: Pipeline, worker: WorkerSettings) -> Finding:
    try:
        if is_local(pipeline.model):
            choice = choose(pipeline.model, Registry(worker.models))
            check_sums(choice.folder)
        compute = load_compute(pipeline, worker)
    except WorkerError as error:
        return problem(
            check,
            " ".join(str(error).split()),
            f"sensorium train --pipeline {pipeline.pipeline}, or name another model in the "
            "pipeline file"
            if isinstance(error, ModelError)
            else "see that the device or server is there",
        )
    compute.close()
    return ok(check, f"version {compute.model.version}, sha256 {compute.model.digest}")


def check_serving(settings: RedisSettings, pipelines: Iterable[Pipeline]) -> list[Finding]:
    """What the workers that run say of their models; nothing where none runs."""
    findings = []
    for pipeline in pipelines:
        try:
            notices = asyncio.run(read_boards(settings, [pipeline.pipeline]))
        except (RedisError, OSError):
            continue  # said by the check of Redis itself
        findings += judge_serving(pipeline.pipeline, notices)
    return findings


def judge_serving(pipeline: str, notices: Sequence[Notice]) -> list[Finding]:
    """A refusal is a problem; workers with different models are worth a word."""
    check = f"workers of {pipeline}"
    findings = [
        problem(
            check,
            f"{one.worker} serves version {one.version} and refuses "
            f"{one.refused.version or 'the registry'}: {one.refused.reason}",
            f"mend it and run `sensorium models activate {one.model} {one.refused.version}`, or "
            f"`sensorium models rollback {one.model}`",
        )
        for one in notices
        if one.refused is not None
    ]
    versions = sorted({f"{one.model} {one.version}" for one in notices})
    if len(versions) > 1:
        findings.append(
            warning(
                check,
                f"expected one model in all of them, got {', '.join(versions)}",
                "wait until each has taken the active version over, and look at worker.models of "
                "those that do not",
            )
        )
    elif notices:
        findings.append(ok(check, f"{len(notices)} serve {versions[0]}"))
    return findings
