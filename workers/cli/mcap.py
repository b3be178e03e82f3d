"""`sensorium mcap`: what an MCAP file holds, and a recording as Foxglove draws it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.failures import WrongUsage, complain
from workers.cli.options import JsonOption, PipelineOption, example
from workers.cli.output import is_terminal, print_json, print_table, print_text

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline
    from workers.foxglove.export import Exported
    from workers.vehicle.calibration.rig import Rig

mcap = typer.Typer()
EXAMPLE = example(
    "sensorium mcap show drive.mcap",
    "sensorium mcap export drive.mcap --out foxglove.mcap -p vehicle --calibration calib.txt "
    "--sensor camera.front=image_02",
)


@mcap.callback(invoke_without_command=True)
def about(context: typer.Context) -> None:
    """MCAP files. What one holds, and a recording as Foxglove draws it."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@mcap.command(epilog=example("sensorium mcap show drive.mcap --json"))
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE.mcap", help="Any MCAP file.")],
    json: JsonOption = False,
) -> None:
    """Show the channels of a file: schema and how many messages."""
    from schemas.units import us_to_iso
    from streams.record.reader import contents

    held = contents(file)
    if held.cut_short:
        complain(f"{file}: the file has no end, so it was cut short; what is whole is counted")
    span = (us_to_iso(held.first_us), us_to_iso(held.last_us))
    if json:
        print_json(
            {
                "file": str(file),
                "recording": held.is_recording,
                "cut_short": held.cut_short,
                "first": span[0],
                "last": span[1],
                "channels": [
                    {"topic": topic, "schema": held.schemas[topic], "messages": count}
                    for topic, count in sorted(held.counts.items())
                ],
            }
        )
        return
    print_table(
        ["channel", "schema", "messages"],
        [[topic, held.schemas[topic], str(n)] for topic, n in sorted(held.counts.items())],
        title=f"{file}: {span[0]} to {span[1]}",
    )


@mcap.command(
    epilog=example("sensorium mcap export drive.mcap --out foxglove.mcap --pipeline vehicle")
)
def export(
    sources: Annotated[
        list[Path], typer.Argument(metavar="RECORDING...", help="Of `sensorium record`.")
    ],
    pipeline: PipelineOption,
    out: Annotated[Path, typer.Option(metavar="FILE.mcap", help="File to write.")],
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="KITTI or nuScenes; default: the one that the pipeline names."
        ),
    ] = None,
    named: Annotated[
        list[str] | None,
        typer.Option(
            "--sensor",
            metavar="SENSOR=NAME",
            help="What the calibration file calls a sensor; may be repeated.",
        ),
    ] = None,
    session: Annotated[
        str | None, typer.Option(help="Which; the first that comes, where none is named.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
    json: JsonOption = False,
) -> None:
    """Export one session for Foxglove: frames, sweeps, boxes and tracked objects, in frames."""
    from schemas.pipeline_file import load_pipeline
    from workers.foxglove.export import export_foxglove

    spec = load_pipeline(pipeline)
    rig = _rig(spec, calibration, named or [])
    with _progress(shown=not json) as on_message:
        told = export_foxglove(
            sources, out, spec, rig=rig, session=session, force=force, on_message=on_message
        )
    if session is not None and not told.messages:
        raise WrongUsage(f"--session: expected a session of the recording, got {session[:60]!r}")
    if told.other_sessions:
        complain(
            f"only session {told.session!r} is exported; {told.other_sessions} records of other "
            "sessions are left out: name one with --session"
        )
    _report(told, out, json=json)


def _rig(spec: Pipeline, calibration: Path | None, named: list[str]) -> Rig | None:
    from workers.vehicle.calibration.reading import read_rig

    said = spec.calibration
    sensors = dict(said.sensors) if said is not None else {}
    for text in named:
        sensor, equals, name = text.partition("=")
        if not (sensor and equals and name):
            raise WrongUsage(f"--sensor: expected SENSOR=NAME, got {text[:60]!r}")
        sensors[sensor] = name
    if calibration is None and said is None:
        if named:
            raise WrongUsage("--sensor: expected --calibration beside it, got none")
        return None
    return read_rig(calibration or Path(said.file if said is not None else ""), sensors)


@contextmanager
def _progress(*, shown: bool) -> Iterator[Callable[[Exported], None] | None]:
    if not (shown and is_terminal(sys.stderr)):
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed} messages"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("export", total=None)
        yield lambda told: bar.update(task, completed=told.messages.total())


def _report(told: Exported, out: Path, *, json: bool) -> None:
    if json:
        print_json(
            {
                "file": str(out),
                "session": told.session,
                "messages": dict(sorted(told.messages.items())),
                "left_out": dict(sorted(told.left_out.items())),
            }
        )
        return
    print_text(f"{out}: session {told.session}, {told.messages.total()} messages")
    print_table(
        ["channel", "messages"],
        [[topic, str(count)] for topic, count in sorted(told.messages.items())],
    )
    for name, count in sorted(told.left_out.items()):
        complain(f"left out {count} of {name}: Foxglove has no picture of them")
