"""`sensorium up`: servers and workers on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.children import run_with_children
from workers.cli.failures import WrongUsage
from workers.cli.options import (
    ConfigOption,
    JsonOption,
    PipelinesOption,
    example,
    read_pipelines,
    read_settings,
)
from workers.cli.output import print_json, print_text

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline
    from workers.demo.site import Site
    from workers.demo.worker_process import WorkerProcess

EXAMPLE = example(
    "sensorium up --pipeline call --env-file /tmp/sensorium.env",
    ". /tmp/sensorium.env && sensorium simulate --pipeline call    # in another terminal",
)

#: Seconds between two looks at the children.
_WATCH_INTERVAL_S = 0.5


def up(
    pipeline: PipelinesOption = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Workers of each pipeline.")] = 1,
    env_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write the variables here, once all is ready."),
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Run broker, Redis and workers here. Until Ctrl-C; nothing needs to be installed.

    Prints the variables with which other terminals reach the servers; with --json one object once
    all is ready, and one at the end. What the servers hold is in memory, and ends with them.
    """
    from workers.demo.site import open_site

    settings, named = read_settings(config), read_pipelines(pipeline)
    for each in named.values():
        if workers > each.partitions:
            raise WrongUsage(
                f"--workers: expected at most {each.partitions}, the partitions of "
                f"{each.pipeline}, got {workers}; a worker without one has nothing to do"
            )
    arguments = ["--config", str(config.resolve())] if config is not None else []

    async def serve() -> None:
        with open_site(settings, use_configured=False) as site:
            await _serve(site, named, workers, arguments, env_file, json=json)

    run_with_children(serve())


async def _serve(
    site: Site,
    named: Mapping[str, Pipeline],
    count: int,
    arguments: list[str],
    env_file: Path | None,
    *,
    json: bool,
) -> None:
    from workers.demo.site import create_topics
    from workers.demo.worker_process import WorkerProcess, stop_all

    await asyncio.to_thread(create_topics, site, list(named.values()))
    running: list[WorkerProcess] = []
    try:
        running.extend(
            WorkerProcess(
                name,
                name=f"worker-{each.pipeline}-{number}",
                arguments=arguments,
                environ=site.environ(),
                log_dir=site.log_dir,
            )
            for name, each in named.items()
            for number in range(1, count + 1)
        )
        async with asyncio.TaskGroup() as group:
            for worker in running:
                group.create_task(worker.ready())
        exports = _exports(site.variables)
        if json:
            print_json(_ready(site, running))
        else:
            print_text(exports)
            print_text(
                f"# {len(running)} workers are ready; logs in {site.log_dir}; Ctrl-C ends all"
            )
        if env_file is not None:
            _write_whole(env_file, exports)
        while True:
            site.stack.check()
            for worker in running:
                worker.check()
            await asyncio.sleep(_WATCH_INTERVAL_S)
    finally:
        statuses = await asyncio.to_thread(stop_all, running)
        if json:
            print_json({"state": "ended", "workers": _ended(running, statuses)})


def _ready(site: Site, running: Sequence[WorkerProcess]) -> dict[str, object]:
    return {
        "state": "ready",
        "kafka": site.settings.kafka.bootstrap,
        "redis": site.settings.redis.url,
        "variables": dict(site.variables),
        "workers": [
            {
                "name": worker.name,
                "pipeline": worker.pipeline,
                "pid": worker.pid,
                "url": worker.url,
                "log": str(worker.log_path),
            }
            for worker in running
        ],
    }


def _ended(running: Sequence[WorkerProcess], statuses: Sequence[int | None]) -> list[object]:
    return [
        {"name": worker.name, "status": status}
        for worker, status in zip(running, statuses, strict=True)
    ]


def _exports(variables: Mapping[str, str]) -> str:
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def _write_whole(path: Path, text: str) -> None:
    """Whoever waits for the file must not read half of it."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
