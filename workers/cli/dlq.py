"""`sensorium dlq`: dead letters, listed by their headers, or sent again."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.failures import complain
from workers.cli.options import ConfigOption, JsonOption, PipelineOption, example, read_settings
from workers.cli.output import print_json, print_table, print_text
from workers.cli.reach import reach_broker

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline
    from schemas.settings import KafkaSettings

dlq = typer.Typer()
EXAMPLE = example("sensorium dlq list --pipeline call")

ReasonsOption = Annotated[
    list[str] | None, typer.Option("--reason", help="Only this reason; may be repeated.")
]

#: Dead letters that are read before they are sent, so that memory stays bounded.
_AT_ONCE = 50


@dlq.callback(invoke_without_command=True)
def about(context: typer.Context) -> None:
    """List or replay dead letters. A payload is never printed."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@dlq.command("list", epilog=example("sensorium dlq list --pipeline call --reason not_utf8"))
def list_letters(
    pipeline: PipelineOption,
    reason: ReasonsOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List dead letters. Reason, message and origin, as their headers say."""
    from schemas.pipeline_file import load_pipeline
    from streams.topic_ends import read_to_end
    from streams.watch.dead_letters import DeadLetter, describe

    settings, spec = read_settings(config), load_pipeline(pipeline)
    reach_broker(settings.kafka)

    async def read() -> list[DeadLetter]:
        async with aclosing(read_to_end(spec.dlq_topic, settings.kafka)) as records:
            return [describe(record) async for record in records]

    letters = [one for one in asyncio.run(read()) if not reason or one.reason in reason]
    if json:
        for letter in letters:
            print_json(letter)
        return
    print_table(
        ["reason", "session", "origin", "bytes", "message"],
        [
            [
                one.reason,
                one.session or "none",
                f"{one.original_topic}[{one.partition}]@{one.original_offset}",
                str(one.value_bytes),
                one.message,
            ]
            for one in letters
        ],
        title=f"{spec.dlq_topic}: {len(letters)} dead letters",
    )


@dlq.command(epilog=example("sensorium dlq replay --pipeline call --reason not_utf8 --dry-run"))
def replay(
    pipeline: PipelineOption,
    reason: ReasonsOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Send dead letters again. To the topic they came from, without the dlq.* headers.

    They stay on the dead-letter topic, so a second replay sends them a second time.
    """
    from schemas.pipeline_file import load_pipeline

    settings, spec = read_settings(config), load_pipeline(pipeline)
    reach_broker(settings.kafka)
    sent, strays = asyncio.run(_replay(spec, settings.kafka, frozenset(reason or ()), dry_run))
    if strays:
        complain(
            f"{strays} dead letters were left alone: their dlq.original.topic is no input of "
            f"pipeline {spec.pipeline!r}"
        )
    if json:
        print_json({"pipeline": spec.pipeline, "dry_run": dry_run, "sent": dict(sent)})
        return
    for topic, count in sorted(sent.items()):
        print_text(f"{'would send' if dry_run else 'sent'} {count} to {topic}")
    if not sent:
        print_text("nothing to send")


async def _replay(
    spec: Pipeline, kafka: KafkaSettings, reasons: frozenset[str], dry_run: bool
) -> tuple[Counter[str], int]:
    from streams.records import OutRecord
    from streams.topic_ends import read_to_end
    from streams.watch.dead_letters import describe, restored, send_again

    inputs = frozenset(spec.topic(name) for name in spec.inputs)
    sent: Counter[str] = Counter()
    strays = 0
    waiting: list[OutRecord] = []

    async def flush() -> None:
        if not dry_run:
            await send_again(waiting, kafka)
        sent.update(record.topic for record in waiting)
        waiting.clear()

    async with aclosing(read_to_end(spec.dlq_topic, kafka)) as records:
        async for record in records:
            if reasons and describe(record).reason not in reasons:
                continue
            again = restored(record, inputs)
            if again is None:
                strays += 1
                continue
            waiting.append(again)
            if len(waiting) >= _AT_ONCE:
                await flush()
    await flush()
    return sent, strays
