"""`sensorium models agreement`: how far a shadow agrees with the model that answers."""

from __future__ import annotations

import asyncio

from workers.cli.failures import WrongUsage
from workers.cli.options import ConfigOption, JsonOption, PipelineOption, example, read_settings
from workers.cli.output import print_json, print_table
from workers.cli.reach import reach_broker

EXAMPLE = example("sensorium models agreement --pipeline my-call.yaml")


def agreement(
    pipeline: PipelineOption, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Compare a shadow's results with the published ones. Share of windows with the same label, and
    mean absolute difference of the probabilities, by models and task.
    """
    from schemas.pipeline_file import load_pipeline
    from workers.registry.agreeing import agreement_of

    settings, spec = read_settings(config), load_pipeline(pipeline)
    if spec.model.shadow is None:
        raise WrongUsage(
            f"pipeline {spec.pipeline!r}: expected a model.shadow in its file, got none; name one"
        )
    reach_broker(settings.kafka)
    found = asyncio.run(agreement_of(spec, settings.kafka))
    if json:
        for one in found:
            print_json(one)
        return
    print_table(
        ["model", "shadow", "task", "windows", "same label", "difference"],
        [
            [
                f"{one.primary.name} {one.primary.version}",
                f"{one.shadow.name} {one.shadow.version}",
                one.task,
                str(one.windows),
                f"{one.equal:.2%}",
                f"{one.difference:.4f}",
            ]
            for one in found
        ],
        title=f"{spec.pipeline}: {len(found)} comparisons",
    )
