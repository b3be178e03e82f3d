"""Drives one ``Processor``: chunks, ticks, assignment and the way out, for every engine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from streams.engine.ledger import Ledger
from streams.engine.port import Engine, Processor
from streams.errors import StreamError
from streams.records import Chunk, TopicPartition

_log = logging.getLogger(__name__)

#: Longest wait on the way out for chunks in hand, then for a tick, seconds: a processor that waits
#: for Redis to come back would keep the worker for ever. Supervisors kill after 10 to 30 s.
DRAIN_TIMEOUT_S = 4.0


class ProcessorHost:
    """Calls the processor, and is the one place where what it raises is caught.

    The caller delivers the chunks of one topic one after the other. The first exception ends the
    host: it is logged once, ``failed`` is set, and nothing is delivered afterwards. Offsets of the
    chunk that raised were not declared, hence cannot be committed.
    """

    def __init__(
        self, processor: Processor, ledger: Ledger, tick_interval_ms: int, clock: Callable[[], int]
    ) -> None:
        self._processor = processor
        self._ledger = ledger
        self._tick_interval_s = tick_interval_ms / 1000
        self._clock = clock
        self.failed = asyncio.Event()
        self.failure: BaseException | None = None
        self._closing = False
        self._ticks_end = asyncio.Event()
        self._ticks: asyncio.Task[None] | None = None
        self._assigning: asyncio.Task[None] | None = None
        self._in_hand = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def start(self, engine: Engine) -> None:
        """Start the processor, then its ticks. What the processor raises here goes to the caller:
        nothing has been read yet.
        """
        await self._processor.start(engine)
        self._ticks = asyncio.create_task(self._tick(), name="sensorium-ticks")

    async def deliver(self, chunk: Chunk) -> None:
        """Hand a chunk over, unless it is stale or the host is on its way out.

        While an assignment is under way the chunk waits: it may be of the new generation, and the
        processor must know the partition first.
        """
        while self._assigning is not None and not self._assigning.done():
            await asyncio.wait({self._assigning})
        if self._closing or self.failure is not None or not self._ledger.is_current(chunk):
            return
        self._in_hand += 1
        self._idle.clear()
        try:
            await self._processor.on_chunk(chunk)
        except Exception as error:
            self.fail("on_chunk", error)
        finally:
            self._in_hand -= 1
            if not self._in_hand:
                self._idle.set()

    async def assign(
        self,
        tps: Collection[TopicPartition],
        seek: Callable[[Collection[TopicPartition], int], Awaitable[Mapping[TopicPartition, int]]],
    ) -> None:
        """Take partitions over: seek to what is committed, then tell the processor.

        ``seek(tps, generation)`` returns the committed offsets; records that are fetched from then
        on carry the generation. Returns early when a revocation comes in between.
        """
        if not tps or self._closing or self.failure is not None:
            return
        self._assigning = asyncio.create_task(self._assign(tps, seek), name="sensorium-assign")
        await asyncio.wait({self._assigning})

    async def _assign(
        self,
        tps: Collection[TopicPartition],
        seek: Callable[[Collection[TopicPartition], int], Awaitable[Mapping[TopicPartition, int]]],
    ) -> None:
        # A chunk of the former assignment may still be in the processor's hands.
        await self._idle.wait()
        generation = self._ledger.next_generation()
        try:
            committed = await seek(tps, generation)
            self._ledger.hold(committed, generation)
            _log.info(
                "partitions assigned",
                extra={"generation": generation, "partitions": _names(committed)},
            )
            await self._processor.on_assigned(committed, generation)
        except Exception as error:
            self.fail("on_assigned", error)

    async def revoke(
        self, tps: Collection[TopicPartition], commit: Callable[[], Awaitable[None]]
    ) -> None:
        """Give partitions up.

        1. an assignment still under way is cancelled; 2. the processor is told; 3. what it declared
        finished is committed; 4. the partitions are no longer ours.
        """
        if self._assigning is not None and not self._assigning.done():
            self._assigning.cancel()
            await asyncio.wait({self._assigning})
        ours = [tp for tp in tps if self._ledger.generation(tp) is not None]
        if not ours:
            return
        try:
            if self.failure is None:
                await self._processor.on_revoked(ours)
        except Exception as error:
            self.fail("on_revoked", error)
        finally:
            await commit()
            self._ledger.release(ours)
        _log.info("partitions revoked", extra={"partitions": _names(ours)})

    async def drain(self) -> None:
        """No more chunks; let those in hand end, with ticks still coming; then drain the processor.

        Ticks go on meanwhile because a processor may hold a chunk back until ticks have published.
        After a failure the processor is left alone: what it did not finish is read again.
        """
        self._closing = True
        if self._assigning is not None and not self._assigning.done():
            self._assigning.cancel()
            await asyncio.wait({self._assigning})
        if self.failure is None:
            await self._either(_patiently(self._idle.wait()))
        self._ticks_end.set()
        if self._ticks is not None:
            # A tick, too, may wait for Redis; cut short, it has nothing that cannot be lost.
            patience_s = DRAIN_TIMEOUT_S if self.failure is None else 0.0
            await asyncio.wait({self._ticks}, timeout=patience_s)
            self._ticks.cancel()
            await asyncio.wait({self._ticks})
        if self.failure is None:
            try:
                await self._processor.drain()
            except Exception as error:
                self.fail("drain", error)

    def fail(self, where: str, error: BaseException) -> None:
        """Note the first failure and log it once, without the text of a foreign exception: that
        may quote a payload.
        """
        if self.failure is not None:
            return
        self.failure = error
        frames = "".join(traceback.format_tb(error.__traceback__))
        told = f": {error}" if isinstance(error, StreamError) else ""
        _log.error(
            "%s raised %s%s; the worker stops, what was not declared finished is read again\n%s",
            where,
            type(error).__name__,
            told,
            frames,
            extra={"where": where, "error_class": type(error).__name__},
        )
        self.failed.set()

    async def _tick(self) -> None:
        while self.failure is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ticks_end.wait(), self._tick_interval_s)
                return
            try:
                await self._processor.on_tick(self._clock())
            except Exception as error:
                self.fail("on_tick", error)

    async def _either(self, done: Awaitable[object]) -> None:
        """Wait for ``done`` or for the failure, whichever comes first."""
        waits = {asyncio.ensure_future(done), asyncio.ensure_future(self.failed.wait())}
        _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()


async def _patiently(done: Coroutine[Any, Any, object]) -> None:
    """Wait for a while: what takes longer is not finished, hence read again by the next owner."""
    with suppress(TimeoutError):
        await asyncio.wait_for(done, DRAIN_TIMEOUT_S)


def _names(tps: Collection[TopicPartition]) -> str:
    return " ".join(f"{tp.topic}/{tp.partition}" for tp in sorted(tps))
