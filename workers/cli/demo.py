"""`sensorium demo`: everything at once, live, with a verdict at the end."""

from __future__ import annotations

import sys
import time
import uuid
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.children import run_with_children
from workers.cli.failures import WorkFailed, as_wrong_usage
from workers.cli.options import (
    ConfigOption,
    PipelinesOption,
    example,
    read_pipelines,
    read_settings,
)
from workers.cli.output import is_terminal, print_json, print_table
from workers.cli.simulate import DegradeOption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.pipeline import Pipeline
    from streams.scenes.degrade import Degradation
    from workers.demo.act import Act
    from workers.demo.site import Site
    from workers.demo.tally import Summary

EXAMPLE = example(
    "sensorium demo",
    "sensorium demo --pipeline call --seconds 20 --json",
)

#: How much faster than its own time a scene is played, where that is not once. A patient's window
#: is a minute long: twenty seconds show twenty of them.
_SPEEDS = {"diagnosis": 60.0}


def demo(
    pipeline: PipelinesOption = None,
    seconds: Annotated[
        float, typer.Option(min=1.0, max=3600.0, help="How long to feed, by the wall clock.")
    ] = 20.0,
    sessions: Annotated[int, typer.Option(min=1, max=100, help="Sessions of each pipeline.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same scenes.")] = 7,
    degrade: DegradeOption = None,
    config: ConfigOption = None,
    json: Annotated[
        bool, typer.Option("--json", help="Only the summary on standard output, as one object.")
    ] = False,
) -> None:
    """Watch fused events appear. Servers, workers, simulated sensors and a subscriber at once.

    Needs nothing: broker and Redis are started, unless the settings name both. Calls and vehicles
    are played as fast as they happen, patients sixty times as fast. Succeeds where each window
    has its final result exactly once and at least 95 % of the labelled windows are right.

    latency_ms is the time from the moment at which a window ended, as played, to the reception of
    its final result. It includes waiting for the slowest sensor and for what may still be late.
    """
    from streams.scenes.catalog import SCENES
    from streams.scenes.degrade import Degradation
    from workers.demo.scenes import require_sensors

    # The other shipped pipelines are of recordings, of which nothing can be simulated.
    settings, named = read_settings(config), read_pipelines(pipeline or list(SCENES))
    with as_wrong_usage():
        faults = Degradation.parse(degrade or ())
        require_sensors(faults, [each.pipeline for each in named.values()])
    arguments = ["--config", str(config.resolve())] if config is not None else []

    async def run() -> list[Summary]:
        from workers.demo.run import run_demo
        from workers.demo.screen import LiveView, PlainView
        from workers.demo.site import open_site

        # With --json standard output is the summary's alone.
        stream = sys.stderr if json else sys.stdout
        with (
            open_site(settings, use_configured=True) as site,
            (LiveView if is_terminal(stream) else PlainView)(stream) as view,
        ):
            acts = _acts(site, named, faults, seconds=seconds, sessions=sessions, seed=seed)
            return await run_demo(site, acts, view, arguments=arguments)

    summaries = run_with_children(run())
    _report(summaries, json=json)
    failed = [one.pipeline for one in summaries if not one.passed]
    if failed:
        raise WorkFailed(
            f"{', '.join(failed)}: expected every window's final result once and 95 % of the "
            "labelled windows right; the summary says what came"
        )


def _acts(
    site: Site,
    named: Mapping[str, Pipeline],
    faults: Degradation,
    *,
    seconds: float,
    sessions: int,
    seed: int,
) -> list[Act]:
    from workers.demo.act import make_act
    from workers.demo.scenes import degradation_of, scene_for

    # Servers that stay may still know the sessions of an earlier run.
    suffix = "" if site.embedded else f"-{uuid.uuid4().hex[:6]}"
    acts = []
    for name, each in named.items():
        speed = _SPEEDS.get(each.pipeline, 1.0)
        with as_wrong_usage():
            scene = scene_for(
                each,
                sessions=sessions,
                seconds=seconds * speed,
                seed=seed,
                start_us=time.time_ns() // 1_000,
                degrade=degradation_of(faults, each.pipeline),
            )
        acts.append(make_act(name, each, scene, speed=speed, suffix=suffix))
    return acts


def _report(summaries: list[Summary], *, json: bool) -> None:
    from workers.demo.screen import SUMMARY_COLUMNS, summary_row

    if not json:
        print_table(SUMMARY_COLUMNS, [summary_row(one) for one in summaries])
    elif len(summaries) == 1:
        print_json(summaries[0])
    else:
        print_json({"pipelines": summaries, "passed": all(one.passed for one in summaries)})
