"""`sensorium record`: the topics of a pipeline into MCAP files."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.failures import WrongUsage
from workers.cli.options import ConfigOption, JsonOption, PipelineOption, example, read_settings
from workers.cli.output import is_terminal, print_json, print_table
from workers.cli.reach import reach_broker

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline
    from streams.record.digest import Totals
    from streams.record.writer import Writer

EXAMPLE = example(
    "sensorium record --pipeline call --out call.mcap",
    "sensorium record -p vehicle --out drive.mcap --with results --from-beginning --until-end",
)


class OutputTopic(StrEnum):
    """Topics of a pipeline that are no inputs."""

    results = "results"
    events = "events"
    late = "late"
    dlq = "dlq"


class CompressionName(StrEnum):
    """How chunks are packed."""

    zstd = "zstd"
    lz4 = "lz4"
    none = "none"


def record(
    pipeline: PipelineOption,
    out: Annotated[Path, typer.Option(metavar="FILE.mcap", help="File to write.")],
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="NAME", help="Only this input; may be repeated."),
    ] = None,
    outputs: Annotated[
        list[OutputTopic] | None,
        typer.Option("--with", help="An output topic as well; may be repeated."),
    ] = None,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="All there is, not only what comes.")
    ] = False,
    until_end: Annotated[
        bool,
        typer.Option("--until-end", help="From the beginning, and stop where the topics end now."),
    ] = False,
    duration: Annotated[
        float | None, typer.Option(min=0.1, metavar="SECONDS", help="Stop after so long.")
    ] = None,
    max_size: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Begin FILE-0002.mcap and so on after so much (500MB)."),
    ] = None,
    compression: Annotated[CompressionName, typer.Option(help="Of the chunks.")] = (
        CompressionName.zstd
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace files of that name.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Record a pipeline's topics as MCAP files. Until Ctrl-C, which completes the file.

    Each record is kept with its key, headers, timestamp, partition and offset; `feed` and `align`
    take the files as a source.
    """
    settings = read_settings(config)

    from schemas.pipeline_file import load_pipeline
    from streams.record.handover import Handover
    from streams.record.recorder import check_topics, record_topics
    from streams.record.writer import Writer, channels_of

    spec = load_pipeline(pipeline)
    chosen = _inputs(spec, inputs)
    channels = channels_of(spec, chosen, sorted({str(name) for name in outputs or ()}))
    largest = None if max_size is None else _size(max_size)
    reach_broker(settings.kafka)
    asyncio.run(check_topics(list(channels), settings.kafka))

    async def run(writer: Writer, on_progress: Callable[[], None]) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await record_topics(
            list(channels),
            settings.kafka,
            writer,
            Handover(spec),
            stop=stop,
            from_beginning=from_beginning or until_end,
            until_end=until_end,
            duration_s=duration,
            on_progress=on_progress,
        )

    began = time.monotonic()
    with (
        Writer(
            out,
            spec,
            channels,
            compression=compression.value,
            max_bytes=largest,
            force=force,
        ) as writer,
        _progress(writer.totals, shown=not json) as on_progress,
    ):
        asyncio.run(run(writer, on_progress))
    _report(spec, writer, time.monotonic() - began, json=json)


def _inputs(spec: Pipeline, named: list[str] | None) -> list[str]:
    for name in named or ():
        if name not in spec.inputs:
            raise WrongUsage(
                f"--input: expected an input of pipeline {spec.pipeline!r} "
                f"({', '.join(spec.inputs)}), got {name[:40]!r}"
            )
    return [name for name in spec.inputs if not named or name in named]


def _size(text: str) -> int:
    from schemas.units import parse_size

    try:
        size = parse_size(text)
    except ValueError as error:
        raise WrongUsage(f"--max-size: {error}, got {text[:20]!r}") from None
    if size < 1_000_000:
        raise WrongUsage(f"--max-size: expected at least 1MB, got {text[:20]!r}")
    return size


@contextmanager
def _progress(totals: Totals, *, shown: bool) -> Iterator[Callable[[], None]]:
    if not (shown and is_terminal(sys.stderr)):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    with Progress(
        SpinnerColumn(),
        TextColumn("recording {task.completed} records, {task.fields[megabytes]:.1f} MB"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task("record", total=None, megabytes=0.0)
        yield lambda: bar.update(task, completed=totals.records, megabytes=totals.bytes / 1e6)


def _report(spec: Pipeline, writer: Writer, seconds: float, *, json: bool) -> None:
    totals = writer.totals
    if json:
        print_json(
            {
                "pipeline": spec.pipeline,
                "files": [str(path) for path in writer.files],
                "file_bytes": sum(path.stat().st_size for path in writer.files),
                "records": totals.records,
                "bytes": totals.bytes,
                "topics": {
                    topic: {
                        "records": one.records,
                        "bytes": one.bytes,
                        "first_ms": one.first_ms,
                        "last_ms": one.last_ms,
                    }
                    for topic, one in sorted(totals.topics.items())
                },
                "content_sha256": totals.sha256,
                "seconds": round(seconds, 3),
            }
        )
        return
    print_table(
        ["topic", "records", "bytes"],
        [[topic, str(one.records), str(one.bytes)] for topic, one in sorted(totals.topics.items())]
        + [["all", str(totals.records), str(totals.bytes)]],
        title=f"Recorded {spec.pipeline} in {seconds:.1f} s: "
        f"{', '.join(str(path) for path in writer.files)}",
    )
