"""`sensorium datasets label`: windows are given labels from a file or a topic; a report."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.failures import WrongUsage
from workers.cli.options import ConfigOption, JsonOption, read_settings
from workers.cli.output import print_json, print_table, print_text
from workers.cli.reach import reach_broker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.datasets.base import Cleaned, Label
    from workers.datasets.cleaning import Report


class RuleName(StrEnum):
    """Which label a window is given."""

    most = "most"
    end = "end"


def label(
    windows: Annotated[
        Path, typer.Argument(metavar="WINDOWS", help="A folder that `sensorium align` has written.")
    ],
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="FILE",
            help="CSV or JSON lines: session, start, end, task, label; times ISO or microseconds.",
        ),
    ] = None,
    topic: Annotated[
        str | None,
        typer.Option(help="A topic of labels: key session, JSON {task, label, start, end}."),
    ] = None,
    rule: Annotated[
        RuleName,
        typer.Option(
            help="most: the label that covers most of the window, ties to the earlier; "
            "end: the one that holds at its end."
        ),
    ] = RuleName.most,
    min_cover: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="A label that covers a smaller share is none."),
    ] = 0.5,
    pipeline: Annotated[
        str | None,
        typer.Option(
            "--pipeline",
            "-p",
            metavar="NAME|FILE",
            help="Of the windows: what is new in a sliding one is judged, as `train` does.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Write the windows' labels there, a line each."),
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Give aligned windows their labels. Reports what was dropped, overlaps or has no label."""
    from schemas.pipeline_file import load_pipeline
    from workers.datasets.aligned import LabelledFolder
    from workers.datasets.base import Label
    from workers.datasets.label_file import write_labels

    found, dropped = _labels(labels, topic, config)
    spec = None if pipeline is None else load_pipeline(pipeline)
    folder = LabelledFolder(windows, found, rule.value, min_cover, spec)
    report = folder.report()
    if out is not None:
        write_labels(
            out,
            (
                Label(window.session, window.start_us, window.end_us, task, name)
                for window, given in folder.windows()
                for task, name in sorted(given.items())
            ),
        )
    if json:
        print_json({"report": report, "dropped_records": [one._asdict() for one in dropped]})
        return
    _print(report, dropped)


def _labels(
    file: Path | None, topic: str | None, config: Path | None
) -> tuple[Sequence[Label], Sequence[Cleaned]]:
    from workers.datasets.label_file import read_labels
    from workers.datasets.label_topic import read_label_topic

    if (file is None) == (topic is None):
        got = "none" if file is None else "both"
        raise WrongUsage(f"expected --labels or --topic, got {got}")
    if file is not None:
        return read_labels(file), ()
    settings = read_settings(config)
    reach_broker(settings.kafka)
    return asyncio.run(read_label_topic(str(topic), settings.kafka))


def _print(report: Report, dropped: Sequence[Cleaned]) -> None:
    print_table(
        ["task", "label", "windows"],
        [
            [task.task, one.label, str(one.count)]
            for task in report.tasks
            for one in task.summary.labels
        ],
        title=f"{report.windows} windows, {report.labels} labels, rule: {report.rule}",
    )
    for task in report.tasks:
        print_text(
            f"{task.task}: {task.unlabelled} windows without a label, {task.mixed} with labels of "
            f"several names, {task.barely} whose label covers less than half; most frequent "
            f"{task.summary.majority:.1%}, {task.summary.imbalance:g} times the least frequent"
        )
    for count, what in (
        (report.unused, "labels that reach no window"),
        (report.overlaps, "overlaps of different labels"),
        (len(report.unknown_sessions), "sessions of labels without a window (at least)"),
    ):
        if count:
            print_text(f"{count} {what}")
    for one in report.cleaned:
        print_text(f"{one.what} {one.number}: {one.why}")
    for each in dropped:
        print_text(f"{each.what} {each.number}: {each.why}")
