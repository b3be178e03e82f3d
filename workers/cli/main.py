"""The command `sensorium`: every subcommand, and what happens to an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from workers.cli import (
    align,
    bench,
    config,
    contract,
    datasets,
    demo,
    dlq,
    doctor,
    evaluate,
    events,
    evidence,
    explain,
    feed,
    mcap,
    models,
    pipelines,
    record,
    results,
    simulate,
    topics,
    train,
    up,
    view,
    worker,
)
from workers.cli.ending import sigterm_as_ctrl_c
from workers.cli.failures import INTERRUPTED, TERMINATED, complain, exit_status, one_line
from workers.cli.options import example

#: 128 + SIGPIPE: the reader of our output has gone, as `head` does.
_BROKEN_PIPE = 141

app = typer.Typer(
    name="sensorium",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog=example("sensorium demo", "sensorium worker --pipeline call"),
)


@app.callback(invoke_without_command=True)
def sensorium(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Real-time multimodal inference over aligned sensor streams, on Kafka, Faust and Redis."""
    if version:
        typer.echo(f"sensorium {_installed_version()}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _installed_version() -> str:
    from importlib import metadata

    try:
        return metadata.version("sensorium")
    except metadata.PackageNotFoundError:
        return "(not installed: runs from its source tree)"


def _add(command: Callable[..., None] | typer.Typer, epilog: str, name: str) -> None:
    """Add a command or a group; the first sentence of its docstring is its line in the list."""
    if isinstance(command, typer.Typer):
        about = command.registered_callback.callback if command.registered_callback else None
        app.add_typer(command, name=name, epilog=epilog, short_help=_first_sentence(about))
        for each in command.registered_commands:
            each.short_help = _first_sentence(each.callback)
    else:
        app.command(name, epilog=epilog, short_help=_first_sentence(command))(command)


def _first_sentence(function: Callable[..., object] | None) -> str:
    return " ".join((function.__doc__ or "").split()).partition(". ")[0].rstrip(".") + "."


_add(demo.demo, demo.EXAMPLE, "demo")
_add(up.up, up.EXAMPLE, "up")
_add(worker.worker, worker.EXAMPLE, "worker")
_add(topics.topics, topics.EXAMPLE, "topics")
_add(pipelines.pipelines, pipelines.EXAMPLE, "pipelines")
_add(feed.feed, feed.EXAMPLE, "feed")
_add(simulate.simulate, simulate.EXAMPLE, "simulate")
_add(record.record, record.EXAMPLE, "record")
_add(mcap.mcap, mcap.EXAMPLE, "mcap")
_add(align.align, align.EXAMPLE, "align")
_add(datasets.datasets, datasets.EXAMPLE, "datasets")
_add(results.results, results.EXAMPLE, "results")
_add(events.events, events.EXAMPLE, "events")
_add(explain.explain, explain.EXAMPLE, "explain")
_add(evidence.evidence, evidence.EXAMPLE, "evidence")
_add(view.view, view.EXAMPLE, "view")
_add(dlq.dlq, dlq.EXAMPLE, "dlq")
_add(bench.bench, bench.EXAMPLE, "bench")
_add(models.models, models.EXAMPLE, "models")
_add(train.train, train.EXAMPLE, "train")
_add(evaluate.evaluate, evaluate.EXAMPLE, "evaluate")
_add(doctor.doctor, doctor.EXAMPLE, "doctor")
_add(config.config, config.EXAMPLE, "config")
_add(contract.contract, contract.EXAMPLE, "contract")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status. Prints one line where it fails in an expected way."""
    with sigterm_as_ctrl_c() as terminated:
        status = _main(arguments)
    if status != INTERRUPTED:
        return status
    # `python -m` notes a KeyboardInterrupt that passes through code made of a string, as of a named
    # tuple, and would end by SIGINT although it was handled; this makes it forget.
    exec("")
    return TERMINATED if terminated() else INTERRUPTED


def _main(arguments: list[str] | None) -> int:
    try:
        return app(arguments, prog_name="sensorium", standalone_mode=False) or 0
    except BrokenPipeError:
        # What is still buffered has no reader either; the interpreter must not try at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except BaseException as error:
        status = exit_status(error)
        if status is None:
            raise
        if not isinstance(error, KeyboardInterrupt):
            complain(one_line(error))
        return status
