"""One worker process: engine, windows, model and health endpoints of one pipeline, put together."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager

from schemas.pipeline import Pipeline
from schemas.result import Result
from schemas.settings import Settings
from streams.align.redis_store import RedisStore
from streams.align.spec import from_pipeline
from streams.compute import Compute
from streams.engine.app import FaustEngine
from streams.engine.base import CONNECT_TIMEOUT_S, BaseEngine
from streams.engine.memory import share_heap, tune_gc
from streams.engine.settings import ChunkLimits, EngineSettings
from streams.engine.worker import serve
from streams.health import serve_health
from streams.kafka_client import check_broker, client_kwargs
from streams.metrics import Metrics
from streams.processor.fuse_loop import FuseLimits
from streams.processor.history import ResultLog
from streams.processor.pipeline import PipelineProcessor
from streams.processor.shadow import Shadow
from streams.redis_client import check_redis, connect_redis, is_reachable
from streams.results_log import read_results
from streams.topics import check_partitions, plan_topics
from workers.registry.board import Board

log = logging.getLogger(__name__)


def owner_name() -> str:
    """A name that no other worker has had: fencing compares it."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def group_id(pipeline: Pipeline) -> str:
    """The consumer group that a pipeline's workers share."""
    return f"sensorium.{pipeline.pipeline}"


def result_log(pipeline: Pipeline, settings: Settings) -> ResultLog:
    """Reads back a shard's published results."""

    def read(shard: int) -> AsyncIterator[Result]:
        return read_results(pipeline.results_topic, shard, client_kwargs(settings.kafka))

    return read


def engine_settings(pipeline: Pipeline, settings: Settings) -> EngineSettings:
    """What the engine of a pipeline is told."""
    worker = settings.worker
    return EngineSettings(
        topics=tuple(pipeline.topic(name) for name in pipeline.inputs),
        partitions=pipeline.partitions,
        group_id=group_id(pipeline),
        kafka=settings.kafka,
        chunk=ChunkLimits(max_records=worker.chunk_records, max_bytes=worker.chunk_bytes),
        tick_interval_ms=worker.tick_interval_ms,
    )


async def serve_worker(
    pipeline: Pipeline, settings: Settings, *, engine_type: type[BaseEngine] = FaustEngine
) -> int:
    """Run one worker until SIGTERM, SIGINT or a failure; returns the process's exit code.

    Raises ``StoreUnreachable``, ``BrokerUnreachable``, ``TopicError`` or a ``WorkerError`` before
    anything is consumed, when something that the worker needs is not there.
    """
    # Torch takes seconds to import; the rest of this module serves without it.
    from workers.registry.candidate import open_first
    from workers.registry.reload import Reloader
    from workers.registry.shadow import open_shadow

    await check_redis(settings.redis)
    await check_broker(settings.kafka, CONNECT_TIMEOUT_S)
    opened = await open_first(pipeline, settings.worker)
    shadow = await open_shadow(pipeline, settings.worker)

    def shadowed(compute: Compute) -> Compute:
        return compute if shadow is None else shadow.beside(compute)

    topics = {plan.name: plan.partitions for plan in plan_topics(pipeline)}
    await asyncio.to_thread(check_partitions, settings.kafka, topics)
    redis = connect_redis(settings.redis)
    metrics = Metrics(pipeline.pipeline)
    compute = shadowed(opened.compute)
    processor = PipelineProcessor(
        pipeline,
        RedisStore(from_pipeline(pipeline, compute.features), redis),
        compute,
        result_log(pipeline, settings),
        owner=(owner := owner_name()),
        metrics=metrics,
        limits=FuseLimits(
            lease_ms=settings.worker.lease_ms, max_due_windows=settings.worker.max_due_windows
        ),
        shadow=None if shadow is None else Shadow(pipeline, shadow, metrics.models),
    )
    engine = engine_type(engine_settings(pipeline, settings), processor)
    reloader = Reloader(
        pipeline,
        settings.worker,
        opened,
        owner=owner,
        exchange=lambda compute: processor.exchange_model(shadowed(compute)),
        metrics=metrics.models,
        board=Board(redis, pipeline.pipeline),
    )

    async def is_warm() -> bool:
        return True  # loading returns a model that has run once

    async def has_partitions() -> bool:
        return processor.shards.any_usable()

    async def redis_answers() -> bool:
        return await is_reachable(redis)

    conditions = {"model": is_warm, "partitions": has_partitions, "redis": redis_answers}
    try:
        async with serve_health(
            metrics.registry,
            conditions,
            host=settings.worker.web_host,
            port=settings.worker.web_port,
        ) as port:
            tune_gc()
            log.info("health and metrics on http://%s:%d", settings.worker.web_host, port)
            with _hang_up(reloader.wake):
                async with _beside(reloader.run()):
                    return await serve(engine)
    finally:
        await reloader.close()
        if shadow is not None:
            await asyncio.to_thread(shadow.close)
        await redis.aclose()


@contextmanager
def _hang_up(wake: Callable[[], None]) -> Iterator[None]:
    """Call ``wake`` at SIGHUP; a worker on a terminal ends with it, as programs there do."""
    if os.isatty(0):
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, wake)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


@asynccontextmanager
async def _beside(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Run ``work`` while the block does; it is cancelled at the end. Its failure is logged: the
    block goes on without it.
    """

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the model is not looked after any more", exc_info=error)

    task = asyncio.create_task(work)
    task.add_done_callback(ended)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def run_worker(pipeline: Pipeline, settings: Settings) -> int:
    """``serve_worker`` in a loop of its own."""
    share_heap()
    return asyncio.run(serve_worker(pipeline, settings))
