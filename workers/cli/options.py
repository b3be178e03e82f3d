"""Options and values that several commands share."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.failures import WrongUsage

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline
    from schemas.settings import Settings

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Settings file; without it, the one that SENSORIUM_CONFIG names.",
    ),
]
PipelineOption = Annotated[
    str,
    typer.Option(
        "--pipeline", "-p", metavar="NAME|FILE", help="A shipped pipeline, or a pipeline file."
    ),
]
PipelinesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--pipeline",
        "-p",
        metavar="NAME|FILE",
        help="A shipped pipeline, or a pipeline file; may be repeated. Default: all shipped.",
    ),
]
AllOption = Annotated[
    bool, typer.Option("--all", help="Every shipped pipeline, which is the default.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON object a line on standard output.")
]

#: Clients log each failed attempt; the command says it once, in its own line.
_CLIENT_LOGGERS = ("aiokafka", "kafka", "redis", "asyncio")


def example(*lines: str) -> str:
    """The end of a command's help; the backspace character keeps its lines as they are."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def mute_clients() -> None:
    """Print none of the clients' own complaints from here on; ``configure_logs`` undoes it."""
    for name in _CLIENT_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def read_settings(config: Path | None) -> Settings:
    """Settings for a short-lived command, whose clients are muted. Raises ``SettingsError``."""
    from schemas.settings import load_settings

    mute_clients()
    return load_settings(config)


def read_pipelines(names: list[str] | None, everything: bool = False) -> dict[str, Pipeline]:
    """What the user named -> pipeline, all shipped ones by default. Raises ``PipelineFileError``.

    Two of one name would share topics: that is an error of usage.
    """
    from schemas.pipeline_file import load_pipeline, shipped_pipelines

    if names and everything:
        raise WrongUsage("--all: expected it or --pipeline, got both")

    found: dict[str, Pipeline] = {}
    owners: dict[str, str] = {}
    for named in names or list(shipped_pipelines()):
        pipeline = load_pipeline(named)
        if pipeline.pipeline in owners:
            raise WrongUsage(
                f"--pipeline: expected distinct pipelines, got {pipeline.pipeline!r} twice "
                f"({owners[pipeline.pipeline]} and {named})"
            )
        owners[pipeline.pipeline] = named
        found[named] = pipeline
    return found
