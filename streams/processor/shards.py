"""The shards that a worker owns: claimed, guarded against a lost store, committed, given up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping

from schemas.pipeline import Pipeline
from streams.align.store import WindowStore
from streams.engine.port import Engine
from streams.errors import Fenced, StateLost, StoreUnreachable
from streams.processor.shard import Shard
from streams.processor.takeover import Takeover
from streams.records import TopicPartition

log = logging.getLogger(__name__)


class OwnedShards:
    """Every shard of this worker, and what to do when the store fails one of them.

    ``before_recovery`` is awaited, and ``after_recovery`` called, around each recovery: what was
    leased before it must be published first, or the results topic would not show it yet.
    """

    def __init__(self, pipeline: Pipeline, store: WindowStore, takeover: Takeover) -> None:
        self._pipeline = pipeline
        self._store = store
        self._takeover = takeover
        self._shards: dict[int, Shard] = {}
        self._recovering: dict[int, asyncio.Task[None]] = {}
        self._engine: Engine
        self._before_recovery: Callable[[], Awaitable[None]]
        self._after_recovery: Callable[[], None]

    def start(
        self,
        engine: Engine,
        before_recovery: Callable[[], Awaitable[None]],
        after_recovery: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._before_recovery = before_recovery
        self._after_recovery = after_recovery

    def __iter__(self) -> Iterator[Shard]:
        return iter(list(self._shards.values()))

    def any_usable(self) -> bool:
        """Whether the worker owns a shard that it can work on."""
        return any(shard.usable for shard in self)

    def get(self, number: int) -> Shard | None:
        return self._shards.get(number)

    async def claim(self, number: int, committed: Mapping[str, int]) -> None:
        """Take a newly assigned shard over."""
        if number in self._shards:
            await self.release({number})
        shard = self._shards[number] = Shard(number)
        async with shard.lock:
            await self._takeover.claim(shard, committed)

    async def release(self, numbers: Collection[int]) -> None:
        """Give shards up; whatever is in flight for them takes no more effect."""
        for number in numbers:
            shard = self._shards.pop(number, None)
            if shard is None:
                continue
            shard.revoke()
            await self._cancel(self._recovering.pop(number, None))
            async with shard.lock:
                await self._store.forget(number)

    async def stop_recovering(self) -> None:
        """Give up recoveries that are under way; the next owner starts them again."""
        for number in list(self._recovering):
            await self._cancel(self._recovering.pop(number))

    @staticmethod
    async def _cancel(task: asyncio.Task[None] | None) -> None:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    # -- the store may fail -------------------------------------------------------------------

    async def guarded(self, shard: Shard, step: Awaitable[None]) -> None:
        """Run one step on the store; if it lost the shard, start over from what is committed."""
        try:
            await step
        except (StateLost, StoreUnreachable, Fenced) as error:
            if not shard.usable:
                return
            log.warning("starting shard %d over: %s", shard.number, error)
            self._start_over(shard, lost=True)

    def encode_again(self) -> None:
        """Start every shard over, after the store was told of another encoder. One that is being
        claimed or recovered just now takes it into account by itself.
        """
        for shard in self:
            if shard.usable:
                self._start_over(shard, lost=False)

    def _start_over(self, shard: Shard, *, lost: bool) -> None:
        shard.settled.clear()
        shard.due = 0
        task = asyncio.create_task(self._recover(shard, lost), name=f"recover-{shard.number}")
        self._recovering[shard.number] = task

    def raise_failed(self) -> None:
        """Raise what ended a recovery unexpectedly."""
        for number, task in list(self._recovering.items()):
            if task.done():
                del self._recovering[number]
                task.result()

    async def _recover(self, shard: Shard, lost: bool) -> None:
        await self._before_recovery()
        async with shard.lock:
            await self._takeover.recover(shard, self._engine, lost=lost)
        self._after_recovery()

    # -- commits ------------------------------------------------------------------------------

    async def commit(self, shard: Shard) -> None:
        """Commit what is finished, if anything was taken in since the last time."""
        async with shard.lock:
            if shard.uncommitted and shard.usable:
                finished = await self._store.settle(shard.number)
                shard.uncommitted = False
                self.commit_through(shard, finished)

    def commit_through(self, shard: Shard, finished: Mapping[str, int]) -> None:
        """Tell the engine, per input, the offset before which everything is finished."""
        self._engine.commit_through(
            {
                TopicPartition(self._pipeline.topic(name), shard.number): offset
                for name, offset in finished.items()
            }
        )
