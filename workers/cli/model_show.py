"""`sensorium models show`: all there is to say of one model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.options import (
    ConfigOption,
    JsonOption,
    PipelinesOption,
    example,
    read_pipelines,
    read_settings,
)
from workers.cli.output import print_json, print_table, print_text

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline
    from schemas.settings import Settings
    from workers.registry.board import Notice
    from workers.registry.overview import Overview

EXAMPLE = example("sensorium models show call")


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The model's name.")],
    pipeline: PipelinesOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show one model. Its versions, what was active when, which workers serve what and what they
    refused.
    """
    from workers.errors import ModelError
    from workers.registry.overview import Overview, pinned_by, versions_of
    from workers.registry.store import Registry

    settings, named = read_settings(config), list(read_pipelines(pipeline).values())
    registry = Registry(settings.worker.models)
    versions = versions_of(registry, name)
    if not versions:
        raise ModelError(name, f"expected one of {registry.names()}, got none of that name")
    overview = Overview(
        name,
        registry.active(name),
        versions,
        registry.history(name),
        pinned_by(name, named),
        _notices(settings, [each for each in named if each.model.name == name]),
    )
    if json:
        print_json(overview)
    else:
        _print(overview)


def _notices(settings: Settings, pipelines: Sequence[Pipeline]) -> list[Notice] | None:
    """What the workers of these pipelines said; ``None`` where Redis cannot be asked."""
    from redis.exceptions import RedisError

    from workers.registry.board import read_boards

    try:
        return asyncio.run(read_boards(settings.redis, [each.pipeline for each in pipelines]))
    except (RedisError, OSError):
        return None


def _print(overview: Overview) -> None:
    print_text(f"{overview.name}: {overview.active or 'no version'} is active")
    for pinner, version in overview.pinned_by.items():
        print_text(f"pipeline {pinner} pins version {version}: no activation changes it")
    print_table(
        ["version", "", "from", "sha256", "folder"],
        [
            [
                one.version,
                "active" if one.active else "",
                one.source,
                one.sha256[:12],
                one.problem or one.folder,
            ]
            for one in overview.versions
        ],
    )
    if overview.history:
        print_table(
            ["at", "version", "by"],
            [[one.at, one.version, one.action] for one in overview.history],
            title="what was active when",
        )
    _print_workers(overview.workers)


def _print_workers(notices: Sequence[Notice] | None) -> None:
    if notices is None:
        print_text("workers: Redis does not answer, so that none can be asked")
    elif not notices:
        print_text("workers: none runs")
    else:
        print_table(
            ["worker", "serves", "refuses", "because"],
            [
                [
                    one.worker,
                    one.version,
                    (one.refused.version or "the registry") if one.refused else "",
                    one.refused.reason if one.refused else "",
                ]
                for one in notices
            ],
            title="workers",
        )
