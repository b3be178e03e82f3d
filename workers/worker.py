"""One worker process: engine, windows, model and health endpoints of one pipeline, put together."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

from schemas.pipeline import Pipeline
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
from streams.redis_client import check_redis, connect_redis
from streams.results_log import Logged, read_results
from streams.topics import check_partitions, plan_topics
from workers.power.meter import open_meter
from workers.readiness import Readiness
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

    def read(shard: int) -> AsyncIterator[Logged]:
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
    topics = {plan.name: plan.partitions for plan in plan_topics(pipeline)}
    await asyncio.to_thread(check_partitions, settings.kafka, topics)
    metrics = Metrics(pipeline.pipeline)
    worker = settings.worker
    async with AsyncExitStack() as closing:
        redis = connect_redis(settings.redis)
        closing.push_async_callback(redis.aclose)
        readiness = Readiness(redis)
        # Before the model is loaded and warm, which takes seconds, or minutes where it is compiled:
        # an orchestrator has to see that the process lives.
        port = await closing.enter_async_context(
            serve_health(
                metrics.registry,
                readiness.conditions(),
                host=worker.web_host,
                port=worker.web_port,
            )
        )
        log.info("health and metrics on http://%s:%d", worker.web_host, port)
        shadow = await open_shadow(pipeline, worker)
        if shadow is not None:
            closing.push_async_callback(asyncio.to_thread, shadow.close)
        opened = await open_first(pipeline, worker, metrics.inference)
        readiness.model_warm = True

        def shadowed(compute: Compute) -> Compute:
            return compute if shadow is None else shadow.beside(compute)

        compute = shadowed(opened.compute)
        processor = PipelineProcessor(
            pipeline,
            RedisStore(from_pipeline(pipeline, compute.features), redis),
            compute,
            result_log(pipeline, settings),
            owner=(owner := owner_name()),
            metrics=metrics,
            limits=FuseLimits(
                lease_ms=worker.lease_ms,
                max_due_windows=worker.max_due_windows,
                batches_at_once=opened.compute.lanes,
            ),
            shadow=None if shadow is None else Shadow(pipeline, shadow, metrics.models),
        )
        readiness.shards_usable = processor.shards.any_usable
        reloader = Reloader(
            pipeline,
            worker,
            opened,
            owner=owner,
            exchange=lambda compute: processor.exchange_model(shadowed(compute)),
            metrics=metrics.models,
            board=Board(redis, pipeline.pipeline),
            observer=metrics.inference,
        )
        closing.push_async_callback(reloader.close)
        meter = await asyncio.to_thread(open_meter)
        tune_gc()
        closing.enter_context(_hang_up(reloader.wake))
        await closing.enter_async_context(_beside(reloader.run(), "the model is looked after"))
        await closing.enter_async_context(_beside(meter.run(metrics.inference), "energy is read"))
        return await serve(engine_type(engine_settings(pipeline, settings), processor))


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
async def _beside(work: Coroutine[object, object, None], what: str) -> AsyncIterator[None]:
    """Run ``work`` while the block does; it is cancelled at the end. Its failure is logged: the
    block goes on without it.
    """

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("no longer: %s", what, exc_info=error)

    task = asyncio.create_task(work)
    task.add_done_callback(ended)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def run_worker(pipeline: Pipeline, settings: Settings) -> int:
    """``serve_worker`` in a loop of its own.

    Until it reads samples a worker holds nothing: a signal ends it at once, and does not wait for
    the model, which is loaded and warmed up by threads that cannot be interrupted.
    """
    share_heap()
    for number in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    return asyncio.run(serve_worker(pipeline, settings))
