"""The pipeline's processor: the engine's port on one side, intake, windows and fusion behind it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence

from schemas.envelope_reader import EnvelopeReader
from schemas.pipeline import Pipeline
from schemas.units import US_PER_S
from streams.align.spec import from_pipeline
from streams.align.store import WindowStore
from streams.align.types import Applied, Batch, LateSample
from streams.compute import Compute
from streams.engine.port import Engine
from streams.metrics import Metrics
from streams.processor.delivery import unwatched
from streams.processor.fuse_loop import FuseLimits, FuseLoop
from streams.processor.history import ResultLog
from streams.processor.intake import Intake, take_in
from streams.processor.live_model import LiveModel
from streams.processor.outputs import late_record
from streams.processor.pace import Pace
from streams.processor.shadow import Shadow
from streams.processor.shard import Shard
from streams.processor.shards import OwnedShards
from streams.processor.takeover import Takeover
from streams.records import Chunk, TopicPartition

log = logging.getLogger(__name__)


class PipelineProcessor:
    """The domain of one pipeline, behind ``streams.engine.port.Processor``.

    ``clock_ms`` gives the wall clock in epoch milliseconds; it feeds idleness and leases only,
    never the content of a result.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        store: WindowStore,
        compute: Compute,
        result_log: ResultLog,
        *,
        owner: str,
        metrics: Metrics,
        limits: FuseLimits | None = None,
        shadow: Shadow | None = None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._spec = spec = from_pipeline(pipeline)
        takeover = Takeover(pipeline, store, result_log, owner=owner, metrics=metrics)
        self._pipeline = pipeline
        self._inputs = {pipeline.topic(name): name for name in pipeline.inputs}
        self._readers = {
            name: EnvelopeReader(name, rule, pipeline.clock)
            for name, rule in pipeline.inputs.items()
        }
        self._store = store
        self._model = LiveModel(compute)
        self._metrics = metrics
        self._clock_ms = clock_ms
        self.shards = OwnedShards(pipeline, store, takeover)
        self._fuse = FuseLoop(
            pipeline,
            spec,
            store,
            self._model,
            self.shards,
            metrics=metrics,
            limits=limits or FuseLimits(),
            clock_ms=clock_ms,
            published=shadow.offer if shadow else unwatched,
        )
        self._shadow = shadow
        self._draining = False
        self._engine: Engine
        self._pace: Pace

    async def start(self, engine: Engine) -> None:
        self._engine = engine
        self._pace = Pace(self._pipeline, engine, self._metrics)
        self.shards.start(engine, self._fuse.batch_done, self._fuse.wake)
        self._fuse.start(engine)
        if self._shadow is not None:
            self._shadow.start(engine, self._fuse.quiet)

    async def on_assigned(self, committed: Mapping[TopicPartition, int], generation: int) -> None:
        by_shard: dict[int, dict[str, int]] = {}
        for tp, offset in committed.items():
            if tp.topic in self._inputs:
                by_shard.setdefault(tp.partition, {})[self._inputs[tp.topic]] = offset
        await asyncio.gather(*(self.shards.claim(*claim) for claim in by_shard.items()))
        self._fuse.wake()
        log.info("took over shards %s (generation %d)", sorted(by_shard), generation)

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        numbers = {tp.partition for tp in partitions if tp.topic in self._inputs}
        await self.shards.release(numbers)
        if numbers:
            log.info("gave up shards %s", sorted(numbers))

    async def on_chunk(self, chunk: Chunk) -> None:
        shard = self.shards.get(chunk.tp.partition)
        if shard is None:
            return
        await shard.settled.wait()
        await self._fuse.room()
        if not self._is_current(shard, chunk):
            return
        name = self._inputs[chunk.tp.topic]
        intake = await take_in(
            chunk,
            pipeline=self._pipeline,
            reader=self._readers[name],
            compute=self._model,
            metrics=self._metrics,
            known_below=shard.applied.get(name, 0),
            done=shard.done.get(name, ()),
            spec=self._spec,
            clocks=shard.clocks,
            wanted=lambda: self._is_current(shard, chunk),
        )
        if not self._is_current(shard, chunk):
            return
        # Dead letters first: once applied, the offset counts as taken in.
        await self._engine.publish(intake.dead_letters)
        await self.shards.guarded(shard, self._apply(shard, name, chunk, intake))

    async def _apply(self, shard: Shard, name: str, chunk: Chunk, intake: Intake) -> None:
        async with shard.lock:
            if not self._is_current(shard, chunk):
                return
            now_ms = self._clock_ms()
            known = shard.applied.get(name, 0)
            shard.applied[name] = max(known, chunk.next_offset)
            self._pace.note_applied(shard, name, intake.entries, now_ms)
            try:
                applied = await self._store.apply(
                    shard.number,
                    Batch(
                        name,
                        chunk.next_offset,
                        intake.entries,
                        intake.ends,
                        shard.read_through_ms(),
                        shard.clocks.dirty() if shard.clocks else {},
                    ),
                    now_ms,
                )
            except BaseException:
                shard.applied[name] = known
                raise
            shard.uncommitted = True
            self._note(shard, applied)
        for reason, count in applied.drops.items():
            self._metrics.dropped(self._pipeline.inputs[name].modality, reason, count)
        if applied.dropped:
            self._metrics.samples(self._pipeline.inputs[name].modality, "dropped", applied.dropped)
            log.warning(
                "%d samples of input %s dropped: their sessions have all the open windows or "
                "sensors that limits.max_open_windows and limits.max_sensors allow",
                applied.dropped,
                name,
            )
        if applied.late:
            await self._divert_late(shard, chunk, applied.late)

    def _note(self, shard: Shard, applied: Applied) -> None:
        shard.open_windows = applied.open_windows
        shard.size, shard.full = applied.size, applied.full
        if shard.clocks is not None:
            for session in applied.forgotten:
                shard.clocks.forget(session)
        self._fuse.note_due(shard, applied.due)

    def _is_current(self, shard: Shard, chunk: Chunk) -> bool:
        return shard.usable and self._engine.generation(chunk.tp) == chunk.generation

    async def _divert_late(self, shard: Shard, chunk: Chunk, late: Sequence[LateSample]) -> None:
        records = {record.offset: record for record in chunk.records}
        await self._engine.publish(
            [late_record(self._pipeline, records[sample.offset], sample) for sample in late]
        )
        self._metrics.late(len(late))
        for sample in late:
            self._metrics.lateness(sample.reason, sample.late_by_us / US_PER_S)
        async with shard.lock:
            if self._is_current(shard, chunk):
                keys = [(sample.input, sample.offset) for sample in late]
                finished = await self._store.ack(shard.number, [], keys, {})
                self.shards.commit_through(shard, finished)

    async def on_tick(self, now_ms: int) -> None:
        self._fuse.raise_failed()
        self.shards.raise_failed()
        for shard in self.shards:
            if shard.usable:
                await self.shards.guarded(shard, self._tick(shard, now_ms))
        self._pace.hold_back(self.shards, now_ms)
        self._metrics.open_windows(sum(shard.open_windows for shard in self.shards))
        self._metrics.kept(sum(shard.size for shard in self.shards))

    async def _tick(self, shard: Shard, now_ms: int) -> None:
        async with shard.lock:
            if not shard.usable:
                return
            self._pace.note_ends(shard)
            ticked = await self._store.tick(shard.number, shard.read_through_ms(), now_ms)
            self._note(shard, ticked)
        await self.shards.commit(shard)

    async def publish_due(self) -> None:
        """Fuse and publish every window that is due now."""
        await self._fuse.finish_due()

    async def exchange_model(self, compute: Compute) -> bool:
        """Answer by another model from the next batch on; returns once the former one is unused.

        Between two batches: 1. with features of its own, the store is told, 2. the models are
        exchanged, 3. every shard starts over, so that what is open is encoded again. No step
        waits, so that nobody sees one without the others. False where the worker is draining.
        """
        async with self._fuse.between_batches():
            if self._draining:
                return False
            encodes = compute.features != self._model.features
            if encodes:
                self._store.encode_by(compute.features)
            unused = self._model.exchange(compute)
            if encodes:
                self.shards.encode_again()
        await unused.wait()
        return True

    async def drain(self) -> None:
        """Publish what is due and commit what is finished; open windows stay in the store."""
        self._draining = True
        await self.shards.stop_recovering()
        await self._fuse.stop()
        await self.publish_due()
        for shard in self.shards:
            await self.shards.guarded(shard, self.shards.commit(shard))
        # A store that failed just now: the next owner recovers the shard.
        await self.shards.stop_recovering()
        if self._shadow is not None:
            await self._shadow.stop()
