"""`sensorium up`: servers and workers on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.children import run_with_children
from workers.cli.failures import WrongUsage
from workers.cli.options import (
    ConfigOption,
    PipelinesOption,
    example,
    read_pipelines,
    read_settings,
)
from workers.cli.output import print_text

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline
    from workers.demo.site import Site

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
) -> None:
    """Run broker, Redis and workers here. Until Ctrl-C; nothing needs to be installed.

    Prints the variables with which other terminals reach the servers. What the servers hold is in
    memory, and ends with them.
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
            await _serve(site, named, workers, arguments, env_file)

    run_with_children(serve())


async def _serve(
    site: Site,
    named: Mapping[str, Pipeline],
    count: int,
    arguments: list[str],
    env_file: Path | None,
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
        _announce(site.variables, env_file)
        print_text(f"# {len(running)} workers are ready; logs in {site.log_dir}; Ctrl-C ends all")
        while True:
            site.stack.check()
            for worker in running:
                worker.check()
            await asyncio.sleep(_WATCH_INTERVAL_S)
    finally:
        await asyncio.to_thread(stop_all, running)


def _announce(variables: Mapping[str, str], env_file: Path | None) -> None:
    text = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    print_text(text)
    if env_file is not None:
        # Whoever waits for the file must not read half of it.
        part = env_file.with_name(f".{env_file.name}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(env_file)
