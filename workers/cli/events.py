"""`sensorium events`: what a subscriber acts on, as it comes."""

from __future__ import annotations

import asyncio

from workers.cli.options import ConfigOption, JsonOption, PipelineOption, example, read_settings
from workers.cli.output import print_text
from workers.cli.reach import reach_broker
from workers.cli.watching import (
    BeginningOption,
    GroupOption,
    LimitOption,
    SessionsOption,
    TimeoutOption,
    rows_in_view,
    watch,
)

EXAMPLE = example(
    "sensorium events --pipeline vehicle",
    "sensorium events --pipeline call --session call-0001 --json --limit 1",
)


def events(
    pipeline: PipelineOption,
    session: SessionsOption = None,
    from_beginning: BeginningOption = False,
    limit: LimitOption = None,
    timeout: TimeoutOption = None,
    group: GroupOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Watch events of tasks, objects and situations as they open, change and close.

    Repeats of an id are left out.
    """
    from schemas.object_events import encode_any_event
    from schemas.pipeline_file import load_pipeline
    from streams.session_events import AnyEvent
    from streams.subscribe import subscribe_every_event
    from workers.cli.rows import EVENT_COLUMNS, event_row

    settings, name = read_settings(config), load_pipeline(pipeline).pipeline
    reach_broker(settings.kafka)
    items = subscribe_every_event(
        name, kafka=settings.kafka, from_beginning=from_beginning, group=group
    )
    wanted = frozenset(session or ())
    if json:

        def show(event: AnyEvent) -> None:
            print_text(encode_any_event(event).decode())

        asyncio.run(watch(items, show, sessions=wanted, limit=limit, timeout_s=timeout))
        return
    with rows_in_view(EVENT_COLUMNS) as add:
        asyncio.run(
            watch(
                items,
                lambda event: add(event_row(event)),
                sessions=wanted,
                limit=limit,
                timeout_s=timeout,
            )
        )
