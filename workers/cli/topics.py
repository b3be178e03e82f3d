"""`sensorium topics`: what a pipeline needs on the broker, created, listed or checked."""

from __future__ import annotations

import typer

from workers.cli.options import (
    AllOption,
    ConfigOption,
    JsonOption,
    PipelinesOption,
    example,
    read_pipelines,
    read_settings,
)
from workers.cli.output import print_json, print_table, print_text
from workers.cli.reach import reach_broker

topics = typer.Typer()
EXAMPLE = example("sensorium topics create --pipeline call")


@topics.callback(invoke_without_command=True)
def about(context: typer.Context) -> None:
    """Create, list or check topics. Of all shipped pipelines, unless some are named."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@topics.command(epilog=example("sensorium topics create --pipeline call"))
def create(
    pipeline: PipelinesOption = None,
    everything: AllOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Create missing topics. Those that exist must have the partitions their pipeline says."""
    from streams.topics import ensure_topics, plan_topics

    settings, named = read_settings(config), read_pipelines(pipeline, everything)
    reach_broker(settings.kafka)
    for each in named.values():
        report = ensure_topics(settings.kafka, plan_topics(each))
        if json:
            print_json(
                {"pipeline": each.pipeline, "created": report.created, "existing": report.existing}
            )
            continue
        for name in report.created:
            print_text(f"created  {name}")
        for name in report.existing:
            print_text(f"existing {name}")


@topics.command("list", epilog=example("sensorium topics list --pipeline call"))
def list_topics(
    pipeline: PipelinesOption = None, everything: AllOption = False, json: JsonOption = False
) -> None:
    """List the topics that pipelines need, with their settings. Asks no broker."""
    from streams.topics import plan_topics

    plans = [
        plan for each in read_pipelines(pipeline, everything).values() for plan in plan_topics(each)
    ]
    if json:
        for plan in plans:
            print_json(
                {"topic": plan.name, "partitions": plan.partitions, "configs": dict(plan.configs)}
            )
        return
    print_table(
        ["topic", "partitions", "settings"],
        [
            [
                plan.name,
                str(plan.partitions),
                " ".join(f"{key}={value}" for key, value in plan.configs.items()),
            ]
            for plan in plans
        ],
    )


@topics.command(epilog=example("sensorium topics verify --pipeline call"))
def verify(
    pipeline: PipelinesOption = None,
    everything: AllOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Check topics on the broker. Fails where one is missing or has other partitions."""
    from streams.errors import TopicError
    from streams.topics import check_partitions, plan_topics

    settings, named = read_settings(config), read_pipelines(pipeline, everything)
    reach_broker(settings.kafka)
    for each in named.values():
        expected = {plan.name: plan.partitions for plan in plan_topics(each)}
        try:
            check_partitions(settings.kafka, expected)
        except TopicError as error:
            if json:
                print_json({"pipeline": each.pipeline, "ok": False, "problem": str(error)})
            raise
        if json:
            print_json({"pipeline": each.pipeline, "ok": True, "topics": expected})
        else:
            print_text(f"{each.pipeline}: OK")
