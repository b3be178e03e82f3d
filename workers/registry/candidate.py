"""From a chosen version to a model that may answer: checked, loaded, warm and tried."""

from __future__ import annotations

import asyncio
import logging

from schemas.pipeline import Pipeline
from schemas.settings import WorkerSettings
from workers.errors import ModelError, NonFiniteError, WorkerError
from workers.inference.compute import ModelCompute
from workers.inference.loading import load_compute
from workers.inference.observing import Observer
from workers.registry.choice import Choice, Opened, choose, fall_backs, is_local, served_by
from workers.registry.store import Registry
from workers.registry.sums import check_sums
from workers.registry.trial import try_out

log = logging.getLogger(__name__)


async def open_candidate(
    pipeline: Pipeline,
    choice: Choice | None,
    worker: WorkerSettings,
    observer: Observer | None = None,
) -> ModelCompute:
    """In this order: 1. compare the files with their digests; 2. load them, which checks that the
    model has what the pipeline needs; 3. run every shape of batch; 4. try it on a sample of each
    input. All of it off the event loop.

    Raises ``ModelError``, ``DeviceError`` and whatever else the model raises; nothing stays open.
    """
    if choice is not None:
        await asyncio.to_thread(check_sums, choice.folder)
        pipeline = served_by(pipeline, choice)
    compute = await asyncio.to_thread(load_compute, pipeline, worker, observer)
    try:
        await asyncio.to_thread(compute.warm)
        if choice is not None:
            await try_out(pipeline, compute)
    except BaseException:
        await asyncio.to_thread(compute.close)
        raise
    return compute


async def open_first(
    pipeline: Pipeline, worker: WorkerSettings, observer: Observer | None = None
) -> Opened:
    """The model that a worker starts with: the chosen one, or where that cannot be used the newest
    of those before it, as with the workers that were there when it was activated.

    Raises what is wrong with the chosen one where none of them can be used.
    """
    if not is_local(pipeline.model):
        return Opened(await open_candidate(pipeline, None, worker, observer))
    registry = Registry(worker.models)
    choice = await asyncio.to_thread(choose, pipeline.model, registry)
    try:
        return Opened(await open_candidate(pipeline, choice, worker, observer), choice)
    except (ModelError, NonFiniteError) as error:
        for other in await asyncio.to_thread(fall_backs, choice, registry):
            try:
                compute = await open_candidate(pipeline, other, worker, observer)
            except WorkerError as also:
                log.error("model %s: %s is refused too: %s", other.name, other.version, also)
                continue
            return Opened(compute, other, (choice, str(error)))
        raise
