"""The loop that turns due windows into published results.

For one batch, in this order:
1. lease windows from the store, across the worker's shards;
2. fuse them and derive events;
3. send the records that the model fails on to the dead letters, and wait until the broker has them;
4. publish results and events, and wait until the broker has them;
5. acknowledge the windows in the store, which says what is finished;
6. commit that.
Where the model is elsewhere and does not answer, step 2 is done again until it does; on the way
out the windows stay leased, and the next owner is handed them again.
Steps 3 to 6 (``streams.processor.delivery``) of a batch go on while 1 and 2 of the next are done. A
crash between any two repeats the later steps with the same ids and the same content.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from schemas.pipeline import Pipeline
from streams.align.spec import AlignSpec
from streams.align.store import WindowStore
from streams.align.types import Window
from streams.compute import Compute
from streams.engine.port import Engine
from streams.metrics import Metrics
from streams.processor.delivery import Delivery, unwatched
from streams.processor.fusing import Fused, fuse_windows
from streams.processor.shard import Shard
from streams.processor.shards import OwnedShards
from streams.processor.waiting import LAST_CALL_S, until_answered


@dataclass(frozen=True, slots=True)
class FuseLimits:
    """``lease_ms``: a window not published by then is handed out again. ``max_due_windows``: with
    more windows waiting for fusion, reading waits. ``batches_at_once``: that the model runs.
    """

    lease_ms: int = 30_000
    max_due_windows: int = 2_000
    batches_at_once: int = 1


class FuseLoop:
    """Fuses due windows of every owned shard in common batches, one batch at a time."""

    def __init__(
        self,
        pipeline: Pipeline,
        spec: AlignSpec,
        store: WindowStore,
        compute: Compute,
        shards: OwnedShards,
        *,
        metrics: Metrics,
        limits: FuseLimits,
        clock_ms: Callable[[], int],
        published: Callable[[Fused], None] = unwatched,
    ) -> None:
        """``published`` is called with every batch that the broker has; it must not wait."""
        self._pipeline = pipeline
        self._spec = spec
        self._store = store
        self._compute = compute
        self._shards = shards
        self._limits = limits
        self._clock_ms = clock_ms
        self._delivery = Delivery(pipeline, store, shards, metrics, clock_ms, published)
        #: Set while no window is due.
        self.quiet = asyncio.Event()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._stopping = asyncio.Event()
        self._batch = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._publishing: asyncio.Task[None] | None = None
        self._engine: Engine

    def start(self, engine: Engine) -> None:
        self._engine = engine
        self._task = asyncio.create_task(self._run(), name="fuse")

    async def stop(self) -> None:
        """Stop between two batches, or give up one that a model elsewhere takes too long to answer;
        what is leased and unpublished is handed out again.
        """
        self._stopping.set()
        if self._task is not None:
            try:
                await asyncio.wait_for(self._batch.acquire(), LAST_CALL_S)
            except TimeoutError:
                self._task.cancel()
            else:
                try:
                    await self._publishing_done()
                finally:
                    self._task.cancel()
                    self._batch.release()
            (ended,) = await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            if isinstance(ended, Exception):
                raise ended

    async def finish_due(self) -> None:
        """Publish everything that is due now."""
        while await self.fuse_once():
            pass

    def raise_failed(self) -> None:
        """Raise what ended the loop unexpectedly."""
        if self._task is not None and self._task.done():
            self._task.result()

    def wake(self) -> None:
        """Look for due windows."""
        self._wake.set()

    def note_due(self, shard: Shard, due: int) -> None:
        """A shard now has so many windows due."""
        shard.due = due
        if due:
            self._wake.set()
        if sum(each.due for each in self._shards) > self._limits.max_due_windows:
            self._room.clear()

    async def room(self) -> None:
        """Wait while too many windows are due: reading must not outrun fusion."""
        await self._room.wait()

    async def batch_done(self) -> None:
        """Wait for the batches under way, so that what they leased has been published."""
        async with self._batch:
            await self._publishing_done()

    @asynccontextmanager
    async def between_batches(self) -> AsyncIterator[None]:
        """No batch is fused or published while the block runs; what failed is left to the loop."""
        async with self._batch:
            if self._publishing is not None:
                await asyncio.wait({self._publishing})
            yield

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            self.quiet.clear()
            await self.finish_due()
            self.quiet.set()

    async def fuse_once(self) -> bool:
        """Fuse one batch, and publish it while the next is leased; False when nothing was left.

        A session's windows are out on lease until they are acknowledged, so that the next batch
        has none of its sessions, and batches are published one after the other.
        """
        async with self._batch:
            windows = await self._lease()
            if not windows:
                return await self._publishing_done()
            fused = await self._fuse(windows)
            await self._publishing_done()
            if fused is None:
                return False
            delivering = self._delivery.deliver(self._engine, fused)
            self._publishing = asyncio.create_task(delivering, name="publish")
            return True

    async def _fuse(self, windows: Sequence[Window]) -> Fused | None:
        """``None``: the model does not answer, and nobody needs it to, since every shard is gone
        or the worker ends.
        """
        owners = {number: self._shards.get(number) for number in {one.shard for one in windows}}

        def wanted() -> bool:
            return any(
                shard is not None and shard.usable and self._shards.get(number) is shard
                for number, shard in owners.items()
            )

        return await until_answered(
            lambda: fuse_windows(
                windows,
                pipeline=self._pipeline,
                spec=self._spec,
                compute=self._compute,
                now_ms=self._clock_ms(),
            ),
            wanted=wanted,
            stop=self._stopping,
        )

    async def _publishing_done(self) -> bool:
        """Wait for the batch that is being published; False where there is none."""
        publishing, self._publishing = self._publishing, None
        if publishing is None:
            self._room.set()
            return False
        await publishing
        return True

    async def _lease(self) -> list[Window]:
        windows: list[Window] = []
        most = self._pipeline.model.max_batch * self._limits.batches_at_once
        # Most due windows first, so that no shard waits for ever behind the others.
        for shard in sorted(self._shards, key=lambda each: -each.due):
            room = most - len(windows)
            if room > 0 and shard.due and shard.usable:
                await self._shards.guarded(shard, self._lease_from(shard, room, windows))
        return windows

    async def _lease_from(self, shard: Shard, limit: int, into: list[Window]) -> None:
        async with shard.lock:
            if not shard.usable:
                return
            leased = await self._store.lease(
                shard.number, limit, self._clock_ms(), self._limits.lease_ms
            )
            # Fewer than asked for: none is left but those already out on lease.
            shard.due = max(1, shard.due - len(leased)) if len(leased) == limit else 0
            into.extend(leased)
