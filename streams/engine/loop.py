"""The plain engine: an aiokafka ``getmany`` loop, the oracle that Faust's is tested against."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Iterable, Mapping
from typing import Any, cast

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as WireTp
from aiokafka.abc import ConsumerRebalanceListener

from streams.engine.base import BaseEngine
from streams.engine.chunks import Batch, Fetched, take_turns
from streams.engine.port import Processor
from streams.engine.settings import BUFFERED_CHUNKS, PARTITION_FETCH_BYTES, EngineSettings
from streams.engine.wire import commit_exactly, highwater_ms, hold_back, seek_to_committed
from streams.kafka_client import consumer_kwargs
from streams.records import Chunk, TopicPartition

#: Longest time that one ``getmany`` waits, milliseconds.
_POLL_MS = 1000


class AiokafkaEngine(BaseEngine):
    """Same port, same constructor and same promises as ``FaustEngine``, without Faust.

    It reads through aiokafka's public ``getmany``, at some 2 µs a record more than ``fetch`` takes:
    an oracle must not share what it is there to check.
    """

    def __init__(self, settings: EngineSettings, processor: Processor) -> None:
        super().__init__(settings, processor)
        self._consumer: AIOKafkaConsumer | None = None
        self._queues: dict[str, asyncio.Queue[Chunk]] = {}
        #: Generation of what is fetched from now on, by partition.
        self._stamps: dict[WireTp, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._assigning: asyncio.Task[None] | None = None

    async def _connect(self) -> None:
        settings = self.settings
        self._consumer = consumer = AIOKafkaConsumer(
            **consumer_kwargs(
                settings.kafka, settings.group_id, settings.client_id, PARTITION_FETCH_BYTES
            )
        )
        consumer.subscribe(list(settings.topics), listener=_Listener(self))
        await consumer.start()
        self._queues = {topic: asyncio.Queue(BUFFERED_CHUNKS) for topic in settings.topics}
        loops = [self._work(queue) for queue in self._queues.values()]
        loops += [self._fetch(), self._commits()]
        self._tasks = [asyncio.create_task(self._guarded(loop)) for loop in loops]

    async def _disconnect(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._consumer is not None:
            await self._consumer.stop()

    async def _commit_offsets(
        self, due: Mapping[TopicPartition, int]
    ) -> Mapping[TopicPartition, int]:
        return await commit_exactly(cast(AIOKafkaConsumer, self._consumer), due)

    async def _seek_to_committed(
        self, tps: Collection[TopicPartition], generation: int
    ) -> Mapping[TopicPartition, int]:
        return await seek_to_committed(
            cast(AIOKafkaConsumer, self._consumer), self._stamps, tps, generation
        )

    async def _pause_exactly(self, tps: Collection[TopicPartition]) -> None:
        await hold_back(cast(AIOKafkaConsumer, self._consumer), tps)

    def _highwater(self, tp: TopicPartition) -> int | None:
        try:
            return cast("int | None", cast(AIOKafkaConsumer, self._consumer).highwater(WireTp(*tp)))
        except AssertionError:  # aiokafka's answer for a partition that is being taken away
            return None

    def _highwater_ms(self, tp: TopicPartition) -> int | None:
        return highwater_ms(cast(AIOKafkaConsumer, self._consumer), tp)

    async def _fetch(self) -> None:
        consumer = cast(AIOKafkaConsumer, self._consumer)
        while True:
            records = await consumer.getmany(timeout_ms=_POLL_MS)
            fetched = {
                tp: Fetched(self._stamps.get(tp, 0), [Batch(run)]) for tp, run in records.items()
            }
            for tp, chunk in take_turns(fetched, self.settings.chunk):
                await self._queues[tp.topic].put(chunk)

    async def _work(self, queue: asyncio.Queue[Chunk]) -> None:
        while True:
            await self._host.deliver(await queue.get())

    async def _commits(self) -> None:
        while True:
            await asyncio.sleep(self.settings.kafka.commit_interval_ms / 1000)
            await self.commit()

    async def _guarded(self, loop: Coroutine[Any, Any, None]) -> None:
        try:
            await loop
        except Exception as error:
            self._host.fail("aiokafka", error)

    def begin_assign(self, tps: Iterable[WireTp]) -> None:
        """Take partitions over in a task of its own: the group's coordinator must not wait."""
        owned = [TopicPartition(tp.topic, tp.partition) for tp in tps]
        self._assigning = asyncio.create_task(self._assign(owned))

    async def revoke(self, tps: Iterable[WireTp]) -> None:
        """Give partitions up before the group is joined again."""
        await self._revoke([TopicPartition(tp.topic, tp.partition) for tp in tps])


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, engine: AiokafkaEngine) -> None:
        self._engine = engine

    async def on_partitions_revoked(self, revoked: Iterable[WireTp]) -> None:
        await self._engine.revoke(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[WireTp]) -> None:
        self._engine.begin_assign(assigned)
