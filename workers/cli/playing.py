"""What `feed` and `simulate` share: speed, progress bar and summary."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.failures import WrongUsage, complain
from workers.cli.output import is_terminal, print_json, print_table

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline
    from schemas.settings import Settings
    from streams.feed.delivery import FeedSummary
    from streams.feed.item import FeedItem

SpeedOption = Annotated[
    str,
    typer.Option(metavar="1|N|max", help="1 as recorded, N times as fast, or as fast as it goes."),
]


def read_speed(text: str) -> float | None:
    """A factor, or ``None`` for ``max``. Raises ``WrongUsage``.

    >>> read_speed("2.5"), read_speed("max")
    (2.5, None)
    """
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.0 < speed < 1e6:
        raise WrongUsage(f"--speed: expected a number above 0 or 'max', got {text[:40]!r}")
    return speed


def play_and_report(
    items: Iterable[FeedItem],
    *,
    pipeline: Pipeline,
    settings: Settings,
    speed: float | None,
    total: int | None,
    json: bool,
    end_sessions: bool,
) -> None:
    """Play to the end, with a bar for whoever watches, and print what was fed."""
    from streams.feed.player import play
    from streams.kafka_client import client_kwargs

    with _progress(total, shown=not json and is_terminal(sys.stderr)) as on_progress:
        summary = asyncio.run(
            play(
                items,
                kafka=client_kwargs(settings.kafka),
                pipeline=pipeline,
                speed=speed,
                end_sessions=end_sessions,
                on_progress=on_progress,
            )
        )
    for warning in summary.warnings:
        complain(warning)
    _report(pipeline, summary, json=json)


@contextmanager
def _progress(total: int | None, *, shown: bool) -> Iterator[Callable[[FeedSummary], None] | None]:
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    with Progress(
        TextColumn("feeding"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[megabytes]:.1f} MB"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[lag]}"),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task("feed", total=total, megabytes=0.0, lag="")

        def on_progress(summary: FeedSummary) -> None:
            behind = f"{summary.lag_s:.1f} s behind" if summary.lag_s > 1.0 else ""
            bar.update(task, completed=summary.delivered, megabytes=summary.bytes / 1e6, lag=behind)

        yield on_progress
        # A container's own count is an estimate; what was read is the truth.
        bar.update(task, total=bar.tasks[0].completed)


def _report(pipeline: Pipeline, summary: FeedSummary, *, json: bool) -> None:
    if json:
        print_json(
            {
                "pipeline": pipeline.pipeline,
                "sessions": list(summary.sessions),
                "samples_fed": summary.delivered,
                "samples": dict(summary.samples),
                "bytes": summary.bytes,
                "failed": summary.failed,
                "seconds": round(summary.seconds, 3),
                "max_lag_s": round(summary.max_lag_s, 3),
            }
        )
        return
    print_table(
        ["input/sensor", "samples"],
        [[name, str(count)] for name, count in sorted(summary.samples.items())]
        + [["all", str(summary.delivered)]],
        title=f"Fed into {pipeline.pipeline}: {len(summary.sessions)} sessions, "
        f"{summary.bytes / 1e6:.1f} MB in {summary.seconds:.1f} s",
    )
