"""`sensorium models`: versions of models, which one is active, and what workers make of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli import model_agreement, model_export, model_show
from workers.cli.failures import WrongUsage
from workers.cli.options import (
    ConfigOption,
    JsonOption,
    PipelineOption,
    PipelinesOption,
    example,
    read_pipelines,
    read_settings,
)
from workers.cli.output import print_json, print_table, print_text

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline
    from schemas.settings import Settings
    from workers.registry.history import Activation
    from workers.registry.store import Registry

models = typer.Typer()
EXAMPLE = example("sensorium models list", "sensorium models activate call 1.1.0")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The model's name.")]
VersionArgument = Annotated[
    str, typer.Argument(metavar="VERSION", help="One of `sensorium models list`.")
]


@models.callback(invoke_without_command=True)
def about(context: typer.Context) -> None:
    """Versions of models. List, add, check and activate them, or go back to the former one."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _registry(settings: Settings) -> Registry:
    from workers.registry.store import Registry

    return Registry(settings.worker.models)


@models.command("list", epilog=example("sensorium models list --json"))
def list_models(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List every version. The active one of each model is marked."""
    from workers.registry.overview import versions_of

    registry = _registry(read_settings(config))
    found = [each for name in registry.names() for each in versions_of(registry, name)]
    if json:
        for each in found:
            print_json(each)
        return
    print_table(
        ["model", "version", "", "from", "sha256", "folder"],
        [
            [
                one.name,
                one.version,
                "active" if one.active else "",
                one.source,
                one.sha256[:12],
                one.problem or one.folder,
            ]
            for one in found
        ],
    )


@models.command(epilog=example("sensorium models add trained/call --version 1.1.0"))
def add(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="With model.json and what it names.")
    ],
    name: Annotated[str | None, typer.Option(help="Another name than model.json's.")] = None,
    version: Annotated[str | None, typer.Option(help="Another version than model.json's.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Copy a model in as a version. It is not active before it is activated."""
    from workers.registry.layout import read_identity

    target = _registry(read_settings(config)).add(folder, name=name, version=version)
    found = read_identity(target)
    if json:
        print_json({"name": found.name, "version": found.version, "folder": str(target)})
    else:
        print_text(f"added {found.name} {found.version} to {target}")


@models.command(epilog=example("sensorium models activate call 1.1.0"))
def activate(
    name: NameArgument,
    version: VersionArgument,
    pipeline: PipelinesOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Make a version the active one. Its files are checked first, and whether it fits the pipelines
    that are named; workers take it over by themselves, within worker.model_poll_ms or at SIGHUP.
    """
    from workers.registry.checking import check_version
    from workers.registry.choice import is_local
    from workers.registry.sums import check_sums, check_weights

    settings, named = read_settings(config), read_pipelines(pipeline)
    registry = _registry(settings)
    folder = registry.folder(name, version)
    check_sums(folder)
    check_weights(folder)
    for spec in named.values() if pipeline else ():
        if not is_local(spec.model) or spec.model.name != name:
            raise WrongUsage(
                f"--pipeline: expected pipelines that model {name!r} answers, got "
                f"{spec.pipeline!r}, which another one does; leave it out"
            )
        if spec.model.version is None:
            asyncio.run(check_version(spec, name, version, settings.worker))
    _report(registry.activate(name, version), name, list(named.values()), json)


@models.command(epilog=example("sensorium models rollback call"))
def rollback(
    name: NameArgument,
    pipeline: PipelinesOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Go back to the version before. The one that is left is not gone back to again."""
    settings, named = read_settings(config), read_pipelines(pipeline)
    _report(_registry(settings).roll_back(name), name, list(named.values()), json)


def _report(done: Activation, name: str, named: list[Pipeline], json: bool) -> None:
    from workers.registry.overview import pinned_by

    pinned = pinned_by(name, named)
    if json:
        print_json({"name": name, "active": done.version, "at": done.at, "pinned_by": pinned})
        return
    print_text(f"{name}: {done.version} is active")
    for pinner, version in pinned.items():
        print_text(f"no effect on pipeline {pinner}, which pins version {version}")


@models.command(epilog=example("sensorium models check call 1.1.0 --pipeline call"))
def check(
    name: NameArgument,
    version: VersionArgument,
    pipeline: PipelineOption,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Check a version as a worker would. Digests, what the pipeline needs, and its answers to a
    sample of each input, on the configured device.
    """
    from schemas.pipeline_file import load_pipeline
    from workers.registry.checking import check_version

    settings, spec = read_settings(config), load_pipeline(pipeline)
    found = asyncio.run(check_version(spec, name, version, settings.worker))
    if json:
        print_json(found)
        return
    print_text(f"{name} {version}: fits pipeline {spec.pipeline}, sha256 {found.model.digest}")
    print_text(
        "its features are those of the active version: it takes over at once"
        if found.same_features
        else "its features are others than the active version's: what is open is encoded again"
    )


models.command(epilog=model_export.EXAMPLE)(model_export.export)
models.command(epilog=model_show.EXAMPLE)(model_show.show)
models.command(epilog=model_agreement.EXAMPLE)(model_agreement.agreement)
