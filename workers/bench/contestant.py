"""The processes that are measured. ``python -m workers.bench.contestant ORDER.json`` is one."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from workers.bench.load import SceneLoad
from workers.bench.workload import FEATURE_BYTES

#: What a process is: our worker until all is published, our worker until SIGTERM, the bare loop,
#: or a subscriber that notes when it sees each result, until SIGTERM. With the pipeline's own model
#: on a scene: the worker (``inference``), and without a broker a bare loop (``bare``), the worker's
#: compute (``batched``), or both precisions (``precision``).
Role = Literal["worker", "server", "floor", "watcher", "inference", "bare", "batched", "precision"]


class Order(msgspec.Struct, frozen=True):
    """What one process has to do.

    ``ready_file`` is made once it reads; ``answer_file`` gets its answer as JSON; whoever starts
    the process names both.
    ``feature_bytes``: how much of a payload is kept as its feature.
    ``load``: the scene of the last three roles.
    """

    role: Role
    pipeline_file: str
    ready_file: str = ""
    answer_file: str = ""
    records: int = 0
    windows: int = 0
    engine: Literal["faust", "aiokafka"] = "faust"
    feature_bytes: int = FEATURE_BYTES
    load: SceneLoad | None = None


def run(order: Order, environ: Mapping[str, str]) -> None:
    """Do it and write the answer."""
    from schemas.pipeline_file import load_pipeline
    from schemas.settings import load_settings
    from streams.logs import configure_logs

    pipeline, settings = load_pipeline(order.pipeline_file), load_settings(environ=environ)
    configure_logs(settings.log)

    def ready() -> None:
        Path(order.ready_file).touch()

    match order.role:
        case "floor":
            from workers.bench.floor import run_floor

            answer: object = asyncio.run(run_floor(pipeline, settings.kafka, order.records))
        case "watcher":
            from workers.bench.watcher import watch_results

            answer = asyncio.run(watch_results(pipeline, settings.kafka, ready))
        case "bare" | "batched" | "precision":
            from workers.bench import computing

            assert order.load is not None
            work = {
                "bare": computing.run_bare,
                "batched": computing.run_batched,
                "precision": computing.run_precision,
            }[order.role]
            answer = work(pipeline, settings, order.load)
        case "inference":
            from workers.bench.inference_worker import InferenceWorker

            answer = asyncio.run(InferenceWorker(pipeline, settings, order, ready).measure())
        case _:
            from workers.bench.measured_worker import MeasuredWorker

            worker = MeasuredWorker(pipeline, settings, order, ready)
            answer = asyncio.run(worker.serve() if order.role == "server" else worker.finish())
    Path(order.answer_file).write_bytes(msgspec.json.encode(answer))


if __name__ == "__main__":
    # Read when Faust is imported: its Cython path inlines `ack`, which our consumer has to see.
    os.environ.setdefault("NO_CYTHON", "1")
    run(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Order), os.environ)
