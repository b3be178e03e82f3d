"""What `feed` and `align` share: how recordings are named, read and placed in time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.failures import as_wrong_usage

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline
    from streams.feed.plan import FeedPlan
    from streams.feed.track import ReadOptions

SourcesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SOURCE]...",
        help="[input[/sensor[,sensor...]]=]PATH: video, WAV or FLAC, transcript, folder of frames "
        "or sweeps, object list, CSV of signals, MCAP. What it is comes from the file, unless "
        "named. Several sensors are a recording's channels from left to right, - leaves one out.",
    ),
]
SessionOption = Annotated[str, typer.Option(help="Session key.")]
SessionsOption = Annotated[
    int, typer.Option(help="Play the same as several sessions: NAME-0001, NAME-0002, ...")
]
ApartOption = Annotated[
    float, typer.Option(metavar="SECONDS", help="How much later each further session plays.")
]
FpsOption = Annotated[float | None, typer.Option(help="Of a folder of frames without times.")]
TimesOption = Annotated[Path | None, typer.Option(help="CSV of a folder's times.")]
MaxFpsOption = Annotated[float | None, typer.Option(help="Skip video frames above this.")]
JpegQualityOption = Annotated[int, typer.Option(help="Of video frames, 1 to 100.")]
ChunkOption = Annotated[int, typer.Option(help="Length of an audio chunk.")]
MonoOption = Annotated[bool, typer.Option("--mono", help="Mix channels into one sensor.")]
IntervalOption = Annotated[
    float | None, typer.Option(help="Seconds between rows of a CSV without times.")
]
AtOption = Annotated[float, typer.Option(help="Second at which a still image or note comes.")]
WaveformOption = Annotated[int, typer.Option(help="Length of a chunk of waveforms.")]


def read_options(
    *,
    fps: float | None,
    times: Path | None,
    max_fps: float | None,
    jpeg_quality: int,
    chunk_ms: int,
    mono: bool,
    interval: float | None,
    at: float,
    waveform_ms: int,
) -> ReadOptions:
    """How files are read, as the command line has it. Raises ``WrongUsage``."""
    from streams.feed.track import ReadOptions

    with as_wrong_usage():
        return ReadOptions(
            fps=fps,
            times=times,
            max_fps=max_fps,
            jpeg_quality=jpeg_quality,
            chunk_ms=chunk_ms,
            mono=mono,
            interval_s=interval,
            at_s=at,
            waveform_ms=waveform_ms,
        )


def read_plan(
    sources: list[str],
    pipeline: Pipeline,
    *,
    now_us: int,
    session: str,
    sessions: int,
    apart: float,
    start: str,
    options: ReadOptions,
) -> FeedPlan:
    """What is going to be played; see ``streams.feed.plan.plan_feed``. Raises ``WrongUsage``."""
    from streams.feed.plan import plan_feed

    with as_wrong_usage():
        return plan_feed(
            sources,
            pipeline,
            now_us=now_us,
            session=session,
            sessions=sessions,
            apart_us=round(apart * 1e6),
            start=start,
            options=options,
        )
