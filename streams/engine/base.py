"""What every engine shares: the port's bookkeeping, publishing, starting and stopping."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Self

from streams.engine.fetch import keep_bytes
from streams.engine.host import ProcessorHost
from streams.engine.ledger import Ledger
from streams.engine.port import Processor
from streams.engine.publisher import Publisher
from streams.engine.reread import read_record
from streams.engine.settings import EngineSettings
from streams.kafka_client import check_broker
from streams.records import OutRecord, Record, TopicPartition
from streams.topics import check_partitions

_log = logging.getLogger(__name__)

#: Longest wait for the broker's first answer when an engine starts, seconds.
CONNECT_TIMEOUT_S = 10.0


class BaseEngine(ABC):
    """An engine of the port ``streams.engine.port.Engine``, driven by one client library.

    Use it once: ``start``, then ``stop``; or ``async with engine.running()``. ``failure`` is what
    ended it, if anything did; ``wait_failed`` returns when that happens.
    """

    def __init__(self, settings: EngineSettings, processor: Processor) -> None:
        self.settings = settings
        self._ledger = Ledger()
        self._host = ProcessorHost(
            processor, self._ledger, settings.tick_interval_ms, settings.clock
        )
        self._publisher = Publisher(settings.kafka, settings.client_id)
        self._committing = asyncio.Lock()
        self._connected = False
        self._held_back: frozenset[TopicPartition] = frozenset()
        self._holding: asyncio.Task[None] | None = None

    @property
    def failure(self) -> BaseException | None:
        """The exception that escaped the processor or broke the client, if one did."""
        return self._host.failure

    async def wait_failed(self) -> None:
        """Return once the engine cannot go on; then ``stop`` it."""
        await self._host.failed.wait()

    async def start(self) -> None:
        """Start the processor and begin to read; returns before partitions are assigned.

        Raises ``BrokerUnreachable`` or ``TopicError`` before anything is started.
        """
        await check_broker(self.settings.kafka, CONNECT_TIMEOUT_S)
        expected = dict.fromkeys(self.settings.topics, self.settings.partitions)
        await asyncio.to_thread(check_partitions, self.settings.kafka, expected)
        try:
            await self._publisher.start()  # a processor may publish from its ``start`` on
            await self._host.start(self)
            keep_bytes()
            await self._connect()
        except BaseException as error:
            # Nobody stops what never started: close what is open, without a drain.
            self._host.fail("start", error)
            await self._host.drain()
            await self._close()
            raise
        self._connected = True
        _log.info("engine started", extra={"engine": type(self).__name__})

    async def stop(self) -> None:
        """Leave in order: 1. finish the chunks in hand; 2. drain the processor; 3. commit what it
        declared; 4. leave the group. After a failure 1 and 2 fall away; when cancelled, only 4 is
        done.
        """
        if not self._connected:
            return
        self._connected = False
        if self._holding is not None:
            self._holding.cancel()
            await asyncio.wait({self._holding})
        try:
            await self._host.drain()
            await self.commit()
        finally:  # cancelled, too: an open client would keep the process from ending
            await self._close()
        _log.info("engine stopped", extra={"engine": type(self).__name__})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Run for the length of a block; raises what escaped the processor, if something did."""
        await self.start()
        try:
            yield self
        finally:
            await self.stop()
        if self.failure is not None:
            raise self.failure

    async def publish(self, records: Sequence[OutRecord]) -> None:
        """See the port."""
        await self._publisher.publish(records)

    def commit_through(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        """See the port."""
        self._ledger.declare(next_offsets)

    def generation(self, tp: TopicPartition) -> int | None:
        """See the port."""
        return self._ledger.generation(tp)

    def end_offset(self, tp: TopicPartition) -> int | None:
        """See the port."""
        return None if self._ledger.generation(tp) is None else self._highwater(tp)

    def end_known_ms(self, tp: TopicPartition) -> int | None:
        """See the port."""
        return None if self._ledger.generation(tp) is None else self._highwater_ms(tp)

    def hold_back(self, tps: Collection[TopicPartition]) -> None:
        """See the port."""
        self._held_back = frozenset(tps)
        if self._holding is None or self._holding.done():
            self._holding = asyncio.create_task(self._hold(), name="sensorium-hold-back")

    async def _hold(self) -> None:
        """Make the client hold back what was asked for last."""
        done: Collection[TopicPartition] | None = None
        while done != self._held_back and self._connected:
            done = self._held_back
            await self._pause_exactly(done)

    async def read_record(self, tp: TopicPartition, offset: int) -> Record | None:
        """See the port."""
        return await read_record(self.settings.kafka, tp, offset)

    async def rewind(self, partition: int) -> dict[TopicPartition, int]:
        """See the port. What is declared is committed first; it need not be read again.

        Partitions that are taken from us meanwhile are missing from the answer.
        """
        tps = self._ledger.owned(partition)
        generation = self._ledger.next_generation()
        self._ledger.renew(tps, generation)
        await self.commit()
        offsets = await self._seek_to_committed(tps, generation)
        _log.info("partition rewound", extra={"partition": partition, "generation": generation})
        return {tp: at for tp, at in offsets.items() if self.generation(tp) is not None}

    async def commit(self) -> None:
        """Commit what was declared and is not yet committed; a refused commit is tried again."""
        async with self._committing:
            due = self._ledger.due()
            if due:
                self._ledger.note_committed(await self._commit_offsets(due))

    async def _assign(self, tps: Collection[TopicPartition]) -> None:
        await self._host.assign(tps, self._seek_to_committed)

    async def _revoke(self, tps: Collection[TopicPartition]) -> None:
        await self._host.revoke(tps, self.commit)

    async def _close(self) -> None:
        try:
            await self._disconnect()
        finally:
            await self._publisher.stop()

    @abstractmethod
    async def _connect(self) -> None:
        """Subscribe and begin to deliver."""

    @abstractmethod
    async def _disconnect(self) -> None:
        """Leave the group and close every connection."""

    @abstractmethod
    async def _commit_offsets(
        self, due: Mapping[TopicPartition, int]
    ) -> Mapping[TopicPartition, int]:
        """Commit these offsets; returns those the broker confirmed."""

    @abstractmethod
    async def _seek_to_committed(
        self, tps: Collection[TopicPartition], generation: int
    ) -> Mapping[TopicPartition, int]:
        """Go to the committed offset (0 without one) and stamp what is fetched from there on."""

    @abstractmethod
    async def _pause_exactly(self, tps: Collection[TopicPartition]) -> None:
        """Fetch nothing of these of our partitions, and all of the others."""

    @abstractmethod
    def _highwater(self, tp: TopicPartition) -> int | None:
        """High watermark of the newest fetch response for an assigned partition."""

    @abstractmethod
    def _highwater_ms(self, tp: TopicPartition) -> int | None:
        """Wall time of that response, epoch milliseconds."""
