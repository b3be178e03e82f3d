"""`sensorium worker`: one worker process."""

from __future__ import annotations

from typing import Annotated

import typer

from workers.cli.options import ConfigOption, PipelineOption, example, mute_clients
from workers.cli.reach import reach_servers

EXAMPLE = example(
    "sensorium topics create --pipeline call",
    "sensorium worker --pipeline call",
)


def worker(
    pipeline: PipelineOption,
    config: ConfigOption = None,
    web_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65_535,
            help="Port of /metrics, /livez and /readyz; 0 takes a free one.",
        ),
    ] = None,
) -> None:
    """Run one worker of a pipeline. Until SIGTERM or Ctrl-C, which finish what is in hand.

    Start as many as the pipeline has partitions: they share them. Logs go to standard error.
    """
    from schemas.pipeline_file import load_pipeline
    from schemas.settings import load_settings
    from streams.logs import configure_logs

    settings, spec = load_settings(config), load_pipeline(pipeline)
    if web_port is not None:
        changed = settings.worker.model_copy(update={"web_port": web_port})
        settings = settings.model_copy(update={"worker": changed})
    mute_clients()
    reach_servers(settings)
    configure_logs(settings.log)

    # Imported last: torch takes seconds, and a server that is down should not cost them.
    from workers.worker import run_worker

    status = run_worker(spec, settings)
    if status:
        raise typer.Exit(status)
