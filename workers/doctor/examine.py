"""The whole examination, cheap checks first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

from schemas.errors import SchemaError
from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline, shipped_pipelines
from schemas.settings import Settings, load_settings
from workers.doctor.finding import Finding, has_problem, ok, problem
from workers.doctor.packages import check_packages


def examine(config: Path | None, named: Sequence[str]) -> Iterator[Finding]:
    """Every finding, as soon as it is known; no pipelines named means all shipped ones."""
    settings, finding = _read_settings(config)
    yield finding
    pipelines: list[Pipeline] = []
    for name in named or shipped_pipelines():
        try:
            pipelines.append(load_pipeline(name))
        except SchemaError as error:
            yield problem("configuration", str(error), "correct the pipeline file or its name")
        else:
            yield ok("configuration", f"pipeline {name}")
    yield from check_packages()
    if settings is not None:
        yield from _servers(settings, pipelines)
        yield from _compute(settings, pipelines)


def _read_settings(config: Path | None) -> tuple[Settings | None, Finding]:
    try:
        settings = load_settings(config)
    except SchemaError as error:
        remedy = "correct the file or the variable; `sensorium config` prints what is in effect"
        return None, problem("configuration", str(error), remedy)
    return settings, ok("configuration", "settings are valid")


def _servers(settings: Settings, pipelines: Sequence[Pipeline]) -> Iterator[Finding]:
    # Imported here: without them the checks above answer at once, whatever is installed.
    from workers.doctor.servers import check_kafka, check_store, check_topics

    broker = asyncio.run(check_kafka(settings.kafka))
    yield from broker
    yield from asyncio.run(check_store(settings.redis))
    if not has_problem(broker):
        yield from check_topics(settings.kafka, pipelines)


def _compute(settings: Settings, pipelines: Sequence[Pipeline]) -> Iterator[Finding]:
    from workers.doctor.compute import check_device
    from workers.doctor.models import check_models, check_serving

    yield check_device(settings.worker)
    yield from check_models(pipelines, settings.worker)
    yield from check_serving(settings.redis, pipelines)
