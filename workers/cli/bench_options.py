"""What the commands under `sensorium bench` share: options, progress, the report."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from workers.cli.output import is_terminal, print_json

PartitionsOption = Annotated[int, typer.Option(min=1, max=64, help="Partitions of each topic.")]
SeedOption = Annotated[int, typer.Option(min=0, help="The same seed gives the same recording.")]
FeatureOption = Annotated[
    int,
    typer.Option(
        min=8, metavar="BYTES", help="Keep so much of a payload of 975 bytes as its feature."
    ),
]
ReportOption = Annotated[
    bool, typer.Option("--json", help="Only the report on standard output, as one object.")
]


def progress() -> Callable[[str], None]:
    """Says on a terminal what is being done; standard output is the report's alone."""

    def note(text: str) -> None:
        if is_terminal(sys.stderr):
            print(f"  {text} …", file=sys.stderr, flush=True)  # noqa: T201

    return note


def print_report(report: dict[str, Any], as_table: Callable[[Any], None], *, json: bool) -> None:
    """The report as one object, or as a table for people."""
    (print_json if json else as_table)(report)
