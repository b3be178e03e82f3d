"""`sensorium view`: pictures of what a vehicle saw."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.failures import WrongUsage
from workers.cli.options import ConfigOption, JsonOption, example, read_settings
from workers.cli.output import is_terminal, print_json, print_text
from workers.cli.reach import reach_broker

if TYPE_CHECKING:
    from schemas.object_events import SituationEvent
    from schemas.pipeline import Pipeline
    from schemas.settings import KafkaSettings
    from workers.explain.published import Published
    from workers.vehicle.calibration.rig import Rig
    from workers.vehicle.view.composition import Layout
    from workers.vehicle.view.saving import Saver

EXAMPLE = example(
    "sensorium view drive --session car-7 --save drive.mp4",
    "sensorium view drive.yaml --session car-7 --last 1 --save now.png --json",
)


def view(
    pipeline: Annotated[
        str, typer.Argument(metavar="PIPELINE", help="A shipped pipeline, or a pipeline file.")
    ],
    save: Annotated[
        Path, typer.Option(metavar="FILE", help="A .png of the last window, or an .mp4 of all.")
    ],
    session: Annotated[
        str | None,
        typer.Option(
            metavar="SESSION", help="The session: the Kafka key. Default: of the newest result."
        ),
    ] = None,
    last: Annotated[
        int | None, typer.Option(min=1, help="Only so many windows. Default: all of the session.")
    ] = None,
    ahead: Annotated[
        float, typer.Option(min=5.0, max=300.0, metavar="METRES", help="Shown from above.")
    ] = 50.0,
    width: Annotated[
        int, typer.Option(min=320, max=3840, help="Of the picture, in pixels.")
    ] = 1280,
    columns: Annotated[int, typer.Option(min=1, max=6, help="Cameras side by side.")] = 1,
    partition: Annotated[
        int | None,
        typer.Option(min=0, help="Where the session's records are, if not by murmur2 of the key."),
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Draw frames with objects' boxes, the road from above with tracks, and the sensors' timeline.

    Reads the session's results and, by the offsets in them, its frames and sweeps again. The
    pictures show the frames themselves.
    """
    from schemas.pipeline_file import load_pipeline
    from workers.vehicle.view.composition import Layout
    from workers.vehicle.view.overhead import Ground
    from workers.vehicle.view.saving import SUFFIXES

    if save.suffix.lower() not in SUFFIXES:
        raise WrongUsage(f"--save: expected a file ending in {' or '.join(SUFFIXES)}, got {save}")
    settings, served = read_settings(config), load_pipeline(pipeline)
    reach_broker(settings.kafka)
    side_m = (ahead + 8.0) * 0.36
    layout = Layout(
        width=width - width % 2,
        height=round(width * 0.375),
        overhead_px=round(width * 0.28),
        columns=columns,
        ground=Ground(ahead_m=ahead, side_m=side_m),
    )
    drawn, windows = asyncio.run(
        _draw(served, session, settings.kafka, save, layout, last=last, partition=partition)
    )
    seen = {
        item.object_id
        for one in windows
        if isinstance(one.result.objects, list)
        for item in one.result.objects
    }
    if json:
        print_json({"file": str(save), "windows": drawn, "objects": len(seen)})
    else:
        print_text(f"{save}: {drawn} windows, {len(seen)} objects")


async def _draw(
    pipeline: Pipeline,
    session: str | None,
    kafka: KafkaSettings,
    path: Path,
    layout: Layout,
    *,
    last: int | None,
    partition: int | None,
) -> tuple[int, list[Published]]:
    from workers.vehicle.view.gathering import newest_session, published_windows, situations
    from workers.vehicle.view.saving import Saver

    session = session or await newest_session(pipeline, kafka)
    windows = await published_windows(pipeline, session, kafka, partition=partition, last=last)
    changes = await situations(pipeline, session, kafka, partition)
    # The window's own length is how long a picture stays.
    length_us = windows[0].span.end_us - windows[0].span.start_us
    with Saver(path, frames_per_s=min(60.0, max(1.0, 1e6 / length_us))) as saver:
        await _draw_each(pipeline, windows, changes, kafka, saver, layout, partition)
    return saver.count, windows


async def _draw_each(
    pipeline: Pipeline,
    windows: list[Published],
    changes: list[SituationEvent],
    kafka: KafkaSettings,
    saver: Saver,
    layout: Layout,
    partition: int | None,
) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from workers.vehicle.view.composition import compose
    from workers.vehicle.view.gathering import sights

    cameras, rig = _cameras(pipeline, windows), _rig(pipeline)
    shown = Console(stderr=True)
    with Progress(console=shown, transient=True, disable=not is_terminal(sys.stderr)) as progress:
        bar = progress.add_task("draw", total=len(windows))
        async for sight in sights(pipeline, windows, changes, kafka, rig, partition=partition):
            saver.add(compose(sight, cameras, rig, layout))
            progress.advance(bar)


def _cameras(pipeline: Pipeline, windows: list[Published]) -> list[str]:
    """Sensors with frames, those that the pipeline declares first."""
    from schemas.sample import Modality

    found = {
        label
        for one in windows
        for label, use in one.result.sensors.items()
        if use.modality == Modality.VIDEO and use.samples
    }
    declared = [name for spec in pipeline.inputs.values() for name in spec.sensors]
    return [name for name in declared if name in found] + sorted(found - set(declared))


def _rig(pipeline: Pipeline) -> Rig | None:
    from workers.vehicle.calibration.reading import read_rig

    calibration = pipeline.calibration
    return None if calibration is None else read_rig(Path(calibration.file), calibration.sensors)
