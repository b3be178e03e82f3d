"""`sensorium feed`: real files into the topics."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from workers.cli.failures import as_wrong_usage
from workers.cli.options import ConfigOption, JsonOption, PipelineOption, example, read_settings
from workers.cli.playing import SpeedOption, play_and_report, read_speed
from workers.cli.reach import reach_broker

EXAMPLE = example(
    "sensorium feed --pipeline call audio/mic.agent,mic.customer=call.wav call.srt",
    "sensorium feed --pipeline vehicle drive/ --speed max",
)


def feed(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="[input[/sensor]=]PATH: video, WAV or FLAC, transcript, folder of frames or "
            "sweeps, object list, CSV of signals. What it is comes from the file, unless named.",
        ),
    ],
    pipeline: PipelineOption,
    session: Annotated[str, typer.Option(help="Session key.")] = "feed",
    sessions: Annotated[
        int, typer.Option(help="Play the same as several sessions: NAME-0001, NAME-0002, ...")
    ] = 1,
    apart: Annotated[
        float, typer.Option(metavar="SECONDS", help="How much later each further session plays.")
    ] = 0.0,
    speed: SpeedOption = "1",
    start: Annotated[
        str,
        typer.Option(
            metavar="now|recorded|TIME",
            help="Event time of the first sample: now, as the files say, or an RFC 3339 time.",
        ),
    ] = "now",
    fps: Annotated[float | None, typer.Option(help="Of a folder of frames without times.")] = None,
    times: Annotated[Path | None, typer.Option(help="CSV of a folder's times.")] = None,
    max_fps: Annotated[float | None, typer.Option(help="Skip video frames above this.")] = None,
    jpeg_quality: Annotated[int, typer.Option(help="Of video frames, 1 to 100.")] = 90,
    chunk_ms: Annotated[int, typer.Option(help="Length of an audio chunk.")] = 200,
    mono: Annotated[bool, typer.Option("--mono", help="Mix channels into one sensor.")] = False,
    interval: Annotated[
        float | None, typer.Option(help="Seconds between rows of a CSV without times.")
    ] = None,
    at: Annotated[float, typer.Option(help="Second at which a still image or note comes.")] = 0.0,
    waveform_ms: Annotated[int, typer.Option(help="Length of a chunk of waveforms.")] = 1_000,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Play real files into the topics. At the pace of the recording, or another."""
    settings = read_settings(config)

    from schemas.pipeline_file import load_pipeline
    from streams.feed.plan import plan_feed
    from streams.feed.track import ReadOptions

    spec, factor = load_pipeline(pipeline), read_speed(speed)
    with as_wrong_usage():
        plan = plan_feed(
            sources,
            spec,
            now_us=time.time_ns() // 1_000,
            session=session,
            sessions=sessions,
            apart_us=round(apart * 1e6),
            start=start,
            options=ReadOptions(
                fps=fps,
                times=times,
                max_fps=max_fps,
                jpeg_quality=jpeg_quality,
                chunk_ms=chunk_ms,
                mono=mono,
                interval_s=interval,
                at_s=at,
                waveform_ms=waveform_ms,
            ),
        )
    reach_broker(settings.kafka)
    play_and_report(
        plan.items(),
        pipeline=spec,
        sessions=plan.sessions,
        settings=settings,
        speed=factor,
        total=plan.count,
        json=json,
    )
