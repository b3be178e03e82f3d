"""`sensorium evidence`: what each event rests on, saved as it opens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.failures import WrongUsage
from workers.cli.options import ConfigOption, JsonOption, PipelineOption, example, read_settings
from workers.cli.output import print_json
from workers.cli.reach import reach_broker
from workers.cli.watching import (
    BeginningOption,
    LimitOption,
    SessionsOption,
    TimeoutOption,
    rows_in_view,
    watch,
)

if TYPE_CHECKING:
    from workers.insight.following import Kept

EXAMPLE = example(
    "sensorium evidence --pipeline call --out evidence",
    "sensorium evidence -p vehicle --event pedestrian_ahead --keep 50 --max-size 200MB",
)
_COLUMNS = ("event", "session", "since", "label", "rests most on", "page")


def evidence(
    pipeline: PipelineOption,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where a folder for each event is made.")
    ] = Path("evidence"),
    event: Annotated[
        list[str] | None,
        typer.Option("--event", metavar="NAME", help="Only this event; may be repeated."),
    ] = None,
    keep: Annotated[
        int, typer.Option(min=1, help="Events that are kept; the oldest make room.")
    ] = 200,
    max_size: Annotated[
        str, typer.Option(metavar="SIZE", help="Disk that they may take together, as 500MB.")
    ] = "500MB",
    session: SessionsOption = None,
    from_beginning: BeginningOption = False,
    limit: LimitOption = None,
    timeout: TimeoutOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Save what each event rests on as it opens. PNGs of its window's frames with heat, and a JSON.

    Runs beside the workers, which do not wait for it. What is saved shows the frames themselves.
    """
    from schemas.pipeline_file import load_pipeline
    from schemas.units import parse_size
    from streams.subscribe import subscribe_events
    from workers.inference.loading import open_served
    from workers.insight.album import Album
    from workers.insight.following import keep_evidence

    settings, served = read_settings(config), load_pipeline(pipeline)
    known = {one.name for one in served.events}
    if unknown := sorted(set(event or ()) - known):
        raise WrongUsage(f"--event: expected any of {sorted(known)}, got {unknown}")
    try:
        most_bytes = parse_size(max_size)
    except ValueError as error:
        raise WrongUsage(f"--max-size: {error}, got {max_size[:20]!r}") from None
    reach_broker(settings.kafka)
    model = open_served(served, settings.worker)
    try:
        kept = keep_evidence(
            subscribe_events(served.pipeline, kafka=settings.kafka, from_beginning=from_beginning),
            served,
            model,
            settings.kafka,
            Album(out, most_pages=keep, most_bytes=most_bytes),
            names=event or (),
            sessions=session or (),
        )
        _show(kept, limit, timeout, json=json)
    finally:
        model.close()


def _show(
    kept: AsyncGenerator[Kept, None], limit: int | None, timeout_s: float | None, *, json: bool
) -> None:
    def run(show: Callable[[Kept], None]) -> None:
        asyncio.run(watch(kept, show, sessions=(), limit=limit, timeout_s=timeout_s))

    if json:
        run(_print)
        return
    with rows_in_view(_COLUMNS) as add:
        run(lambda one: add(_row(one)))


def _print(one: Kept) -> None:
    insight = one.inquiry.insight
    print_json(
        {
            "event": one.event,
            "page": str(one.page),
            "probability": insight.probability,
            "agreement": insight.agreement,
            "contributions": insight.contributions,
        }
    )


def _row(one: Kept) -> tuple[str, ...]:
    event, contributions = one.event, one.inquiry.insight.contributions
    most = ""
    if contributions is not None:
        parts = contributions.tasks[event.task].modalities
        most = max(parts, key=lambda name: parts[name].share, default="")
        most = f"{most} {parts[most].share:.0%}" if most else ""
    return event.name, event.session, event.since, event.label, most, str(one.page)
