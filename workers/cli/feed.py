"""`sensorium feed`: real files into the topics."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from workers.cli.data_sets import DataOption, DataSetOption, SplitOption, WithOption
from workers.cli.material import PlayedPipelineOption, read_material
from workers.cli.options import ConfigOption, JsonOption, example, read_settings
from workers.cli.playing import SpeedOption, play_and_report, read_speed
from workers.cli.reach import reach_broker
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

EXAMPLE = example(
    "sensorium feed --pipeline call audio/mic.agent,mic.customer=call.wav call.srt",
    "sensorium feed --pipeline vehicle drive/ --speed max",
    "sensorium feed --dataset mosi --data calls/mosi --split test --speed max",
)


def feed(
    sources: SourcesArgument = None,
    pipeline: PlayedPipelineOption = None,
    dataset: DataSetOption = None,
    data: DataOption = None,
    options: WithOption = None,
    split: SplitOption = None,
    session: SessionOption = "feed",
    sessions: SessionsOption = 1,
    apart: ApartOption = 0.0,
    speed: SpeedOption = "1",
    start: Annotated[
        str,
        typer.Option(
            metavar="now|recorded|TIME",
            help="Event time of the first sample: now, as the files say, or an RFC 3339 time.",
        ),
    ] = "now",
    fps: FpsOption = None,
    times: TimesOption = None,
    max_fps: MaxFpsOption = None,
    jpeg_quality: JpegQualityOption = 90,
    chunk_ms: ChunkOption = 200,
    mono: MonoOption = False,
    interval: IntervalOption = None,
    at: AtOption = 0.0,
    waveform_ms: WaveformOption = 1_000,
    end: Annotated[
        bool,
        typer.Option(
            "--end/--no-end",
            help="Say at the end that the sessions are over; not where something else feeds them.",
        ),
    ] = True,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Play real files into the topics. At the pace of the recording, or another."""
    settings = read_settings(config)

    factor = read_speed(speed)
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
        start_of_files="now",
        start_of_recorded="now",
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
    reach_broker(settings.kafka)
    play_and_report(
        material.items(),
        pipeline=spec,
        settings=settings,
        speed=factor,
        total=material.count,
        json=json,
        end_sessions=end,
    )
