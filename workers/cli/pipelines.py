"""`sensorium pipelines`: the shipped ones, one in full, and the check of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.options import JsonOption, example
from workers.cli.output import print_json, print_table, print_text

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline

pipelines = typer.Typer(invoke_without_command=True)
EXAMPLE = example("sensorium pipelines", "sensorium pipelines check my.yaml")

Named = Annotated[
    str, typer.Argument(metavar="NAME|FILE", help="A shipped pipeline, or a pipeline file.")
]


@pipelines.callback()
def list_all(context: typer.Context, json: JsonOption = False) -> None:
    """List the shipped pipelines. `show` and `check` look into one."""
    if context.invoked_subcommand is not None:
        return
    from schemas.pipeline_file import load_pipeline, shipped_pipelines

    loaded = [load_pipeline(name) for name in shipped_pipelines()]
    if json:
        for each in loaded:
            print_json(each.model_dump(mode="json"))
        return
    print_table(
        ["pipeline", "window", "inputs", "events", "description"],
        [_row(each) for each in loaded],
    )


def _row(pipeline: Pipeline) -> list[str]:
    from schemas.units import format_duration

    return [
        pipeline.pipeline,
        format_duration(pipeline.window.size),
        ", ".join(f"{name} ({spec.modality})" for name, spec in pipeline.inputs.items()),
        ", ".join(event.name for event in pipeline.events),
        pipeline.description,
    ]


@pipelines.command(epilog=example("sensorium pipelines show call"))
def show(name: Named, json: JsonOption = False) -> None:
    """Print a pipeline in full. Every default is filled in."""
    import yaml

    from schemas.pipeline_file import load_pipeline

    tree = load_pipeline(name).model_dump(mode="json")
    if json:
        print_json(tree)
    else:
        print_text(yaml.safe_dump(tree, sort_keys=False))


@pipelines.command(epilog=example("sensorium pipelines check my.yaml"))
def check(file: Named, json: JsonOption = False) -> None:
    """Check a pipeline file. Prints OK, or the file, line and key that is wrong, and why."""
    from schemas.errors import PipelineFileError
    from schemas.pipeline_file import load_pipeline

    try:
        found = load_pipeline(file)
    except PipelineFileError as error:
        if json:
            print_json({"file": file, "ok": False, "line": error.line, "problem": str(error)})
        raise
    if json:
        print_json({"file": file, "ok": True, "pipeline": found.pipeline})
    else:
        print_text("OK")
