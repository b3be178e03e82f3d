"""`sensorium align`: recordings into aligned windows on disk, without a broker."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.aligning import progress_bar, report
from workers.cli.data_sets import DataOption, DataSetOption, SplitOption, WithOption
from workers.cli.material import PlayedPipelineOption, read_material
from workers.cli.options import ConfigOption, JsonOption, example, read_settings
from workers.cli.recordings import (
    ApartOption,
    AtOption,
    ChunkOption,
    FpsOption,
    IntervalOption,
    JpegQualityOption,
    MaxFpsOption,
    MonoOption,
    SessionOption,
    SessionsOption,
    SourcesArgument,
    TimesOption,
    WaveformOption,
    read_options,
)

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline
    from schemas.settings import Settings
    from streams.feed.playable import Playable
    from workers.inference.compute import ModelCompute
    from workers.offline.index import Index
    from workers.offline.run import OutputOptions, Progress

EXAMPLE = example(
    "sensorium align --pipeline vehicle drive/ --out windows/",
    "sensorium align -p call audio/mic.agent,mic.customer=call.wav call.srt --out windows/ "
    "--features encoded --format parquet",
    "sensorium align --dataset mosi --data calls/mosi --out windows/",
)

#: The same files must give the same bytes, and not all have absolute times that can be believed.
_START = "2000-01-01T00:00:00Z"


class ShardFormatName(StrEnum):
    """What shards are written as."""

    safetensors = "safetensors"
    parquet = "parquet"


class FeatureKind(StrEnum):
    """What a sample of a window holds."""

    raw = "raw"
    encoded = "encoded"


class ReplayKind(StrEnum):
    """When a silent sensor is given up."""

    backlog = "backlog"
    live = "live"


def align(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="New folder for the windows.")],
    sources: SourcesArgument = None,
    pipeline: PlayedPipelineOption = None,
    dataset: DataSetOption = None,
    data: DataOption = None,
    options: WithOption = None,
    split: SplitOption = None,
    session: SessionOption = "feed",
    sessions: SessionsOption = 1,
    apart: ApartOption = 0.0,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="recorded|TIME",
            help="Event time of the first sample: as the files say, or an RFC 3339 time. Default: "
            "recorded for recorded topics and data sets, else 2000-01-01.",
        ),
    ] = None,
    features: Annotated[
        FeatureKind,
        typer.Option(help="Payloads as they came, or what the pipeline's model encodes them to."),
    ] = FeatureKind.raw,
    format: Annotated[
        ShardFormatName, typer.Option(help="Of the shards.")
    ] = ShardFormatName.safetensors,
    shard_windows: Annotated[
        int, typer.Option(min=1, help="Windows in a shard; fewer where they are large.")
    ] = 1_024,
    replay: Annotated[
        ReplayKind,
        typer.Option(
            help="backlog: a silent sensor is waited for to the recording's end; live: as long as "
            "while recording, at the pace of its times."
        ),
    ] = ReplayKind.backlog,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the windows that FOLDER holds.")
    ] = False,
    fps: FpsOption = None,
    times: TimesOption = None,
    max_fps: MaxFpsOption = None,
    jpeg_quality: JpegQualityOption = 90,
    chunk_ms: ChunkOption = 200,
    mono: MonoOption = False,
    interval: IntervalOption = None,
    at: AtOption = 0.0,
    waveform_ms: WaveformOption = 1_000,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Align recordings into windows on disk. The same windows as a worker fuses, without servers.

    FOLDER gets shards of windows, index.json, and diverted.jsonl with what was late or bad.
    """
    settings = read_settings(config)

    from workers.offline.run import OutputOptions

    spec, material = read_material(
        sources,
        pipeline,
        dataset=dataset,
        data=data,
        options=options,
        split=split,
        now_us=time.time_ns() // 1_000,
        session=session,
        sessions=sessions,
        apart=apart,
        start=start,
        start_of_files=_START,
        start_of_recorded="recorded",
        read=read_options(
            fps=fps,
            times=times,
            max_fps=max_fps,
            jpeg_quality=jpeg_quality,
            chunk_ms=chunk_ms,
            mono=mono,
            interval=interval,
            at=at,
            waveform_ms=waveform_ms,
        ),
    )
    _align(
        material,
        spec,
        out,
        settings,
        encoded=features is FeatureKind.encoded,
        replay=replay,
        output=OutputOptions(format=format.value, shard_windows=shard_windows, force=force),
        json=json,
    )


def _align(
    material: Playable,
    pipeline: Pipeline,
    out: Path,
    settings: Settings,
    *,
    encoded: bool,
    replay: ReplayKind,
    output: OutputOptions,
    json: bool,
) -> None:
    import asyncio

    from workers.offline.folder import check_target
    from workers.offline.formats import shard_format
    from workers.offline.run import align_recording

    # Before the model is loaded: that takes seconds.
    check_target(out, force=output.force)
    shard_format(output.format)

    async def run(on_progress: Callable[[Progress], None] | None) -> Index:
        compute = _load_compute(pipeline, settings) if encoded else None
        try:
            return await align_recording(
                material.items(),
                pipeline,
                out,
                compute=compute,
                replay=replay.value,
                absent=pipeline.inputs.keys() - material.inputs,
                output=output,
                on_progress=on_progress,
            )
        finally:
            if compute is not None:
                compute.close()

    began = time.monotonic()
    with progress_bar(material.count, shown=not json) as on_progress:
        index = asyncio.run(run(on_progress))
    report(index, out, time.monotonic() - began, json=json)


def _load_compute(pipeline: Pipeline, settings: Settings) -> ModelCompute:
    from workers.inference.loading import load_compute

    return load_compute(pipeline, settings.worker)
