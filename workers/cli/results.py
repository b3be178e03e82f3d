"""`sensorium results`: what the model says, as it comes."""

from __future__ import annotations

import asyncio
import time

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
    "sensorium results --pipeline call",
    "sensorium results --pipeline call --from-beginning --json --timeout 5 | jq .tasks",
)


def results(
    pipeline: PipelineOption,
    session: SessionsOption = None,
    from_beginning: BeginningOption = False,
    limit: LimitOption = None,
    timeout: TimeoutOption = None,
    group: GroupOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Watch results as they come. Repeats of an id are left out.

    Columns: labels with their probability, the share of each modality, the share of expected
    sensors present, which are missing and why, and how long after its window was complete the
    result came here. With --json, each is as it was published.
    """
    from schemas.pipeline_file import load_pipeline
    from schemas.result import Result, encode_result
    from streams.subscribe import subscribe_results
    from workers.cli.rows import RESULT_COLUMNS, result_row

    settings, name = read_settings(config), load_pipeline(pipeline).pipeline
    reach_broker(settings.kafka)
    items = subscribe_results(
        name, kafka=settings.kafka, from_beginning=from_beginning, group=group
    )
    wanted = frozenset(session or ())
    if json:

        def show(result: Result) -> None:
            print_text(encode_result(result).decode())

        asyncio.run(watch(items, show, sessions=wanted, limit=limit, timeout_s=timeout))
        return
    with rows_in_view(RESULT_COLUMNS) as add:

        def show_row(result: Result) -> None:
            add(result_row(result, time.time_ns() // 1_000_000))

        asyncio.run(watch(items, show_row, sessions=wanted, limit=limit, timeout_s=timeout))
