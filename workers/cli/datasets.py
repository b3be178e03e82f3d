"""`sensorium datasets`: what data sets can be read, and what one of them holds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.data_sets import WithOption, load_data_set
from workers.cli.labelling import label
from workers.cli.options import JsonOption, example
from workers.cli.output import is_terminal, print_json, print_table, print_text

if TYPE_CHECKING:
    from workers.datasets.base import DataSet
    from workers.datasets.summary import Summary

datasets = typer.Typer()
EXAMPLE = example(
    "sensorium datasets list",
    "sensorium datasets show mosi --data calls/mosi",
)

datasets.command(
    "label", epilog=example("sensorium datasets label windows/ --labels labels.csv --json")
)(label)

#: Labels of a task that a person is shown; the others are added up.
_SHOWN_LABELS = 12


@datasets.callback(invoke_without_command=True)
def about(context: typer.Context) -> None:
    """Data sets. Which can be read, what one holds, and labels for windows of one's own."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@datasets.command("list", epilog=example("sensorium datasets list --json"))
def list_data_sets(json: JsonOption = False) -> None:
    """List the data sets that can be read, with the inputs of the pipeline that each is for."""
    from workers.datasets.catalog import importer, names, pipeline

    found = [(name, importer(name).ABOUT, pipeline(name)) for name in names()]
    if json:
        for name, what, spec in found:
            inputs = {key: str(each.modality) for key, each in spec.inputs.items()}
            print_json({"name": name, "about": what, "inputs": inputs})
        return
    print_table(
        ["name", "inputs", "what it is"],
        [[name, ", ".join(spec.inputs), what] for name, what, spec in found],
    )


@datasets.command(epilog=example("sensorium datasets show emodb --data calls/emodb --read"))
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="See `sensorium datasets list`.")],
    data: Annotated[
        Path, typer.Option("--data", metavar="PATH", help="Its folder, or the file itself.")
    ],
    options: WithOption = None,
    read: Annotated[
        bool,
        typer.Option(
            "--read", help="Read every sample too: counts, bytes, files that are damaged."
        ),
    ] = False,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Write its labels there, as `train` takes them."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show what a data set holds: sizes, labels, what was dropped or repaired, its licence."""
    found = load_data_set(name, data, options)
    summary = _summarise(found, read=read, shown=not json)
    if labels is not None:
        from workers.datasets.label_file import write_labels

        write_labels(labels, found.labels)
    if json:
        print_json(summary)
        return
    _print(summary)


def _summarise(data: DataSet, *, read: bool, shown: bool) -> Summary:
    from workers.datasets.summary import summarise

    if not (read and shown and is_terminal(sys.stderr)):
        return summarise(data, read=read)
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed} samples read"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("read", total=None)
        return summarise(data, read=True, on_sample=lambda n: bar.update(task, completed=n))


def _print(summary: Summary) -> None:
    shipped = "may be shipped" if summary.redistributable else "are never shipped"
    print_text(
        f"{summary.name}: {summary.sessions} sessions of {summary.groups} groups\n"
        f"from: {summary.origin}\n"
        f"licence: {summary.licence}; weights trained on it {shipped}"
    )
    for task in summary.tasks:
        rows = [[one.label, str(one.count)] for one in task.labels[:_SHOWN_LABELS]]
        rest = task.labels[_SHOWN_LABELS:]
        if rest:
            rows.append([f"{len(rest)} more", str(sum(one.count for one in rest))])
        # A table's title would be broken at the width of the table, which is narrow.
        print_text(
            f"{task.task}: {task.labelled} labels; the most frequent has {task.majority:.1%}, "
            f"{task.imbalance:g} times the least frequent"
        )
        print_table(["label", "intervals"], rows)
    if summary.splits:
        print_table(
            ["split", "sessions", "labels"],
            [[one.split, str(one.sessions), str(one.labelled)] for one in summary.splits],
        )
    if summary.inputs is not None:
        print_text(f"{summary.seconds:g} s of event time")
        print_table(
            ["input", "samples", "bytes"],
            [[one.input, str(one.samples), str(one.bytes)] for one in summary.inputs],
        )
    for one in summary.cleaned:
        print_text(f"{one.what} {one.number}: {one.why}")
