"""`sensorium simulate`: a scene that knows the truth, into the topics."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.failures import WrongUsage, as_wrong_usage
from workers.cli.options import ConfigOption, JsonOption, PipelineOption, example, read_settings
from workers.cli.playing import SpeedOption, play_and_report, read_speed
from workers.cli.reach import reach_broker

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline
    from streams.scenes.rig import SimulatedScene

EXAMPLE = example(
    "sensorium simulate --pipeline call --sessions 4 --seconds 30 --truth truth.jsonl",
    "sensorium simulate --pipeline vehicle --degrade lidar.top:loss=0.2,delay_ms=150",
)

DegradeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--degrade",
        metavar="[SENSOR:]NAME=VALUE[,...]",
        help="delay_ms, jitter_ms, loss (0 to 1), clock_offset_ms, clock_drift_ppm, dies_after_s; "
        "of one sensor or of all. May be repeated.",
    ),
]


def simulate(
    pipeline: PipelineOption,
    sessions: Annotated[int, typer.Option(help="Sessions at the same time.")] = 1,
    seconds: Annotated[float, typer.Option(help="Length of the scene, in its own time.")] = 30.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same scene.")] = 1,
    degrade: DegradeOption = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="INPUT", help="Leave an input out; repeatable.")
    ] = None,
    speed: SpeedOption = "1",
    start: Annotated[
        str,
        typer.Option(
            metavar="now|TIME", help="Event time of the start, RFC 3339. Begins a window."
        ),
    ] = "now",
    truth: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the true labels of each window, a JSON a line."),
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Play a simulated scene into the topics. It renders what sensors would give.

    The truth goes to a file of its own, never into the topics.
    """
    settings = read_settings(config)

    from schemas.pipeline_file import load_pipeline
    from streams.scenes.degrade import Degradation
    from workers.demo.scenes import scene_for

    spec, factor = load_pipeline(pipeline), read_speed(speed)
    start_us = _start_us(start)
    with as_wrong_usage():
        scene = scene_for(
            spec,
            sessions=sessions,
            seconds=seconds,
            seed=seed,
            start_us=start_us,
            degrade=Degradation.parse(degrade or ()),
            without=without or (),
        )
    reach_broker(settings.kafka)
    total = sum(1 for _ in scene.schedule())
    if truth is not None:
        _write_truth(truth, scene, spec)
    play_and_report(
        scene.items(),
        pipeline=spec,
        settings=settings,
        speed=factor,
        total=total,
        json=json,
        end_sessions=True,
    )


def _start_us(start: str) -> int:
    from schemas.units import iso_to_us

    try:
        return time.time_ns() // 1_000 if start == "now" else iso_to_us(start)
    except ValueError as error:
        raise WrongUsage(
            f"--start: expected 'now' or an RFC 3339 time, got {start[:40]!r} ({error})"
        ) from None


def _write_truth(path: Path, scene: SimulatedScene, pipeline: Pipeline) -> None:
    import msgspec

    from schemas.units import us_to_iso
    from streams.scenes.truth import expected_windows

    size_us = pipeline.window.size_us
    with path.open("wb") as file:
        for session, start_us in sorted(expected_windows(scene, pipeline)):
            end_us = start_us + size_us
            line = {
                "pipeline": pipeline.pipeline,
                "session": session,
                "window": {"start": us_to_iso(start_us), "end": us_to_iso(end_us)},
                "labels": dict(scene.labels(session, start_us, end_us)),
            }
            file.write(msgspec.json.encode(line) + b"\n")
