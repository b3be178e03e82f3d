"""`sensorium explain`: why a window looks as it does."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.failures import WorkFailed, WrongUsage
from workers.cli.options import (
    ConfigOption,
    JsonOption,
    example,
    read_pipelines,
    read_settings,
)
from workers.cli.output import is_terminal, print_json
from workers.cli.reach import reach_broker

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline
    from schemas.settings import KafkaSettings
    from workers.explain.model import Explanation, NotFound
    from workers.explain.reader import OnProgress
    from workers.explain.selector import Selector

EXAMPLE = example(
    "sensorium explain call-0001 last --pipeline call",
    "sensorium explain call-0001 2026-03-01T12:00:02Z --json | jq .findings",
    "sensorium explain call-0001 last -p call --heat-map --task sentiment --out heat",
)

#: Topics of fewer records are read before a bar could be seen.
_LONG_READ = 2_000


def explain(
    session: Annotated[str, typer.Argument(metavar="SESSION", help="The session: the Kafka key.")],
    window: Annotated[
        str,
        typer.Argument(
            metavar="WINDOW",
            help="The window's start (RFC 3339, epoch ms or us), a result's id, or 'last'.",
        ),
    ],
    pipeline: Annotated[
        str | None,
        typer.Option(
            "--pipeline",
            "-p",
            metavar="NAME|FILE",
            help="A shipped pipeline, or a pipeline file. Default: the shipped one that has it.",
        ),
    ] = None,
    partition: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Where the session's records are, if its producers do not use Kafka's default "
            "partitioner (murmur2 of the key).",
        ),
    ] = None,
    heat_map: Annotated[
        bool,
        typer.Option(
            "--heat-map",
            help="Load the model and ask what its answer rests on: each sensor's share, and where "
            "in each frame. Saves and prints the frames themselves.",
        ),
    ] = False,
    task: Annotated[
        str | None,
        typer.Option(metavar="TASK", help="With --heat-map. Default: the result's first task."),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(metavar="LABEL", help="With --heat-map. Default: the published answer."),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="With --heat-map: where PNGs and JSON are saved."),
    ] = Path("heat-maps"),
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say why a window looks as it does. What each sensor gave and when, what is absent and why.

    Reads the window's results, the samples that they name, and what of the session was late or
    invalid at the time. A payload is never printed, but with --heat-map frames are shown and saved.
    """
    from workers.cli.heat_map import Asked, ask, show
    from workers.explain.selector import parse_selector

    if not heat_map and (task is not None or label is not None):
        raise WrongUsage("--task and --label: expected with --heat-map")
    settings = read_settings(config)
    pipelines = read_pipelines([pipeline] if pipeline is not None else None)
    try:
        selector = parse_selector(window)
    except ValueError as error:
        raise WrongUsage(f"WINDOW: {error}") from None
    reach_broker(settings.kafka)
    with _progress(shown=is_terminal(sys.stderr)) as on_progress:
        found, missing = asyncio.run(
            _search(
                list(pipelines.values()),
                session,
                selector,
                settings.kafka,
                partition,
                named=pipeline is not None,
                on_progress=on_progress,
            )
        )
    if len(found) > 1:
        names = " and ".join(one.pipeline for one in found)
        raise WrongUsage(f"--pipeline: expected one, {session!r} has such a window in {names}")
    if not found:
        raise WorkFailed(_not_found(session, window, missing))
    (explanation,) = found
    if not heat_map:
        print_json(explanation) if json else _show(explanation)
        return
    with _progress(shown=is_terminal(sys.stderr)) as on_progress:
        (served,) = (one for one in pipelines.values() if one.pipeline == explanation.pipeline)
        inquiry = ask(Asked(task, label, out), served, explanation, settings, on_progress)
    if json:
        from msgspec.structs import asdict

        print_json(asdict(explanation) | {"insight": inquiry.insight})
    else:
        _show(explanation)
        show(inquiry, out)


async def _search(
    pipelines: list[Pipeline],
    session: str,
    selector: Selector,
    kafka: KafkaSettings,
    partition: int | None,
    *,
    named: bool,
    on_progress: OnProgress | None,
) -> tuple[list[Explanation], list[NotFound]]:
    """What each pipeline has; those without topics are passed over unless one is named."""
    from streams.errors import TopicError
    from workers.explain.gather import explain as explain_window
    from workers.explain.model import Explanation

    found, missing = [], []
    refused: TopicError | None = None
    for pipeline in pipelines:
        try:
            one = await explain_window(
                pipeline, session, selector, kafka, partition=partition, on_progress=on_progress
            )
        except TopicError as error:
            refused = error
            continue
        if isinstance(one, Explanation):
            found.append(one)
        else:
            missing.append(one)
    if refused is not None and named:
        raise refused
    if not (found or missing):
        names = ", ".join(one.pipeline for one in pipelines)
        raise WorkFailed(
            f"{session!r}: expected topics of a shipped pipeline ({names}), got none on this "
            "broker; name your own by --pipeline FILE, or start a worker"
        )
    return found, missing


def _not_found(session: str, window: str, missing: list[NotFound]) -> str:
    """One line: what there is near the window, or that the session is unknown."""
    from schemas.units import us_to_iso

    known = [one for one in missing if one.nearby]
    if known:
        near = "; ".join(
            f"{one.topic} has {', '.join(us_to_iso(span.start_us) for span in one.nearby)}"
            for one in known
        )
        return f"{session!r}: expected a window with a result, got {window!r}; near it {near}"
    looked = ", ".join(f"{one.topic}[{one.partition}]" for one in missing)
    return (
        f"{session!r}: expected a session with results, got none of it in {looked}; check the "
        "name, or give --partition if its producers choose partitions in another way"
    )


def _show(explanation: Explanation) -> None:
    from rich.console import Console

    from workers.explain.drawing import COLUMNS, draw

    # In a pipe or file there is no width to fit into, and no colour.
    Console(file=sys.stdout, width=COLUMNS, highlight=False, markup=False).print(draw(explanation))


@contextmanager
def _progress(*, shown: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    """A bar on standard error while a long topic is read; nothing is left of it."""
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    with Progress(
        TextColumn("reading {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("", visible=False)

        def on_progress(topic: str, done: int, total: int) -> None:
            bar.update(
                task,
                description=topic,
                completed=done,
                total=total,
                visible=total >= _LONG_READ,
            )

        yield on_progress
