"""What `align` shows: a bar while it runs, and what became of the recording."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from workers.cli.failures import complain
from workers.cli.output import is_terminal, print_json, print_table

if TYPE_CHECKING:
    from workers.offline.index import Index
    from workers.offline.run import Progress


@contextmanager
def progress_bar(total: int | None, *, shown: bool) -> Iterator[Callable[[Progress], None] | None]:
    """A bar on standard error for whoever watches it; nothing where nobody does."""
    if not (shown and is_terminal(sys.stderr)):
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import (
        Progress as Bar,
    )

    with Bar(
        TextColumn("aligning"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[megabytes]:.1f} MB, {task.fields[windows]} windows"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task("align", total=total, megabytes=0.0, windows=0)

        def on_progress(now: Progress) -> None:
            bar.update(task, completed=now.samples, megabytes=now.bytes / 1e6, windows=now.windows)

        yield on_progress
        # A container's own count is an estimate; what was read is the truth.
        bar.update(task, total=bar.tasks[0].completed)


def report(index: Index, out: Path, seconds: float, *, json: bool) -> None:
    """Print what was written."""
    diverted = index.diverted
    if diverted.no_room:
        complain(
            f"{diverted.no_room} samples are in no window: their sessions have all the open "
            "windows or sensors that the pipeline's limits allow; raise these"
            + (", or use --replay live" if index.replay == "backlog" else "")
        )
    invalid, late = sum(diverted.invalid.values()), sum(diverted.late.values())
    samples = sum(each.samples for each in index.sensors)
    if json:
        print_json(
            {
                "pipeline": index.pipeline,
                "out": str(out),
                "windows": index.windows,
                "shards": len(index.shards),
                "bytes": sum(shard.bytes for shard in index.shards),
                "samples": samples,
                "invalid": diverted.invalid,
                "late": diverted.late,
                "no_room": diverted.no_room,
                "sessions": len(index.sessions),
                "content_sha256": index.content_sha256,
                "seconds": round(seconds, 3),
            }
        )
        return
    print_table(
        ["input/sensor", "samples", "in windows", "invalid", "late"],
        [
            [
                f"{each.input}/{each.sensor}",
                str(each.samples),
                str(each.in_windows),
                str(each.invalid),
                str(each.late),
            ]
            for each in index.sensors
        ]
        + [["all", str(samples), "", str(invalid), str(late)]],
        title=f"{index.windows} windows of {index.pipeline} in {out}: {len(index.sessions)} "
        f"sessions, {len(index.shards)} shards of {index.features} features, {seconds:.1f} s",
    )
