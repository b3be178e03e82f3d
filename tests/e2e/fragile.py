"""The real worker around a model that fails where a payload tells it to.

``python -m tests.e2e.fragile`` takes the arguments of ``sensorium``.
"""

from __future__ import annotations

import sys
from types import ModuleType

from schemas.pipeline import Pipeline
from schemas.settings import WorkerSettings
from tests.inference.fragile import FragileModel
from workers.inference.compute import ModelCompute
from workers.registry.choice import Opened


async def open_fragile(pipeline: Pipeline, worker: WorkerSettings, *_: object) -> Opened:
    """As ``workers.registry.candidate.open_first``."""
    model = FragileModel()
    return Opened(ModelCompute(pipeline, model, max_delay_ms=worker.max_batch_delay_ms))


if __name__ == "__main__":
    # The model is imported when the worker starts; here it finds the fragile one in its place.
    stand_in = ModuleType("workers.registry.candidate")
    stand_in.open_first = open_fragile  # type: ignore[attr-defined]
    stand_in.open_candidate = open_fragile  # type: ignore[attr-defined]
    sys.modules["workers.registry.candidate"] = stand_in

    from workers.cli.entry import run

    run()
