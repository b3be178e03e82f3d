"""Our worker as production runs it, with a stopwatch: Faust, windows in Redis, exact commits.

Only the model is another one, and its health endpoints are left out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Literal

from schemas.pipeline import Pipeline
from schemas.settings import Settings
from streams.align.redis_store import RedisStore
from streams.align.spec import from_pipeline
from streams.compute import Compute
from streams.engine.app import FaustEngine
from streams.engine.base import BaseEngine
from streams.engine.loop import AiokafkaEngine
from streams.engine.memory import share_heap, tune_gc
from streams.engine.worker import serve
from streams.metrics import Metrics
from streams.processor.fuse_loop import FuseLimits
from streams.processor.pipeline import PipelineProcessor
from streams.records import Chunk, TopicPartition
from streams.redis_client import connect_redis
from workers.bench.contestant import Order
from workers.bench.errors import BenchError
from workers.bench.identity import Identity
from workers.bench.stopwatch import Figures, Stopwatch
from workers.worker import engine_settings, owner_name, result_log

#: Seconds without a record or result after which the missing windows are given up.
_SILENCE_S = 20.0

_ENGINES: Mapping[Literal["faust", "aiokafka"], type[BaseEngine]] = {
    "faust": FaustEngine,
    "aiokafka": AiokafkaEngine,
}


class Progress(Metrics):
    """The worker's own metrics, which also tell the stopwatch of every published window."""

    def __init__(self, pipeline: str) -> None:
        super().__init__(pipeline)
        self.watch = Stopwatch()
        self.published = 0
        self.moved = asyncio.Event()

    def took_in(self) -> None:
        self.watch.begin()
        self.moved.set()

    def results(self, final: bool, count: int, cause: str = "watermark") -> None:
        super().results(final, count, cause)
        if final:
            self.published += count
            self.watch.published()
            self.moved.set()


class _Timed(PipelineProcessor):
    """Tells when the first chunk comes, and when partitions are there to be read."""

    progress: Progress
    ready: Callable[[], None]

    async def on_assigned(self, committed: Mapping[TopicPartition, int], generation: int) -> None:
        await super().on_assigned(committed, generation)
        if committed:
            self.ready()

    async def on_chunk(self, chunk: Chunk) -> None:
        self.progress.took_in()
        await super().on_chunk(chunk)


class MeasuredWorker:
    """One worker of the measured pipeline; use it once."""

    def __init__(
        self, pipeline: Pipeline, settings: Settings, order: Order, ready: Callable[[], None]
    ) -> None:
        share_heap()
        self._pipeline = pipeline
        self._settings = settings
        self._order = order
        self._ready = ready

    async def finish(self) -> Figures:
        """Run until every window is published, or nothing more comes."""
        async with contextlib.AsyncExitStack() as closing:
            engine, progress = self._build(closing)
            async with engine.running():
                await self._all_published(engine, progress)
        return progress.watch.read(progress.published)

    async def serve(self) -> Figures:
        """Run until SIGTERM. Raises ``BenchError`` where the engine failed."""
        async with contextlib.AsyncExitStack() as closing:
            engine, progress = self._build(closing)
            if await serve(engine):
                raise BenchError(f"expected the worker to run until SIGTERM, got {engine.failure}")
        return progress.watch.read(progress.published)

    def _compute(self, progress: Progress, closing: contextlib.AsyncExitStack) -> Compute:
        """The model; what it has open is closed with ``closing``."""
        return Identity(self._order.feature_bytes)

    def _build(self, closing: contextlib.AsyncExitStack) -> tuple[BaseEngine, Progress]:
        redis = connect_redis(self._settings.redis)
        closing.push_async_callback(redis.aclose)
        progress = Progress(self._pipeline.pipeline)
        compute = self._compute(progress, closing)
        worker = self._settings.worker
        processor = _Timed(
            self._pipeline,
            RedisStore(from_pipeline(self._pipeline, compute.features), redis),
            compute,
            result_log(self._pipeline, self._settings),
            owner=owner_name(),
            metrics=progress,
            limits=FuseLimits(lease_ms=worker.lease_ms, max_due_windows=worker.max_due_windows),
        )
        processor.progress, processor.ready = progress, self._ready
        tune_gc()
        settings = engine_settings(self._pipeline, self._settings)
        return _ENGINES[self._order.engine](settings, processor), progress

    async def _all_published(self, engine: BaseEngine, progress: Progress) -> None:
        while progress.published < self._order.windows and engine.failure is None:
            progress.moved.clear()
            try:
                await asyncio.wait_for(progress.moved.wait(), _SILENCE_S)
            except TimeoutError:
                return  # what is missing is for the comparison with the oracle to say
