"""Reads stretches of one partition number, on several topics, each up to a known offset."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from types import TracebackType
from typing import Any

import aiokafka
from aiokafka.partitioner import DefaultPartitioner

from schemas.settings import KafkaSettings
from streams.errors import BrokerUnreachable, TopicError
from streams.kafka_client import client_kwargs
from streams.records import Record

#: Longest wait for one fetch; an empty partition answers after it. Whatever is read is there.
_FETCH_WAIT_MS = 20
#: Longest wait for what was fetched.
_POLL_MS = 200
#: A broker that gives nothing of what it said it has for so long is down, or hangs.
_STALL_S = 30.0

#: Called with the topic, and how many of how many records were looked at.
OnProgress = Callable[[str, int, int], None]


def partition_of(session: str, partitions: int) -> int:
    """The partition that Kafka's default partitioner (murmur2 of the key) gives a session.

    >>> partition_of("call-0001", 4) == partition_of("call-0001", 4)
    True
    """
    numbers = list(range(partitions))
    return int(DefaultPartitioner()(session.encode(), numbers, numbers))


class PartitionReader:
    """One consumer without a group; commits nothing.

    ``fetch_bytes``: what one fetch brings at most, or one batch where that is larger. Small where
    single records are picked out, large where all are looked at.
    """

    def __init__(
        self, kafka: KafkaSettings, fetch_bytes: int, on_progress: OnProgress | None = None
    ) -> None:
        self._consumer = aiokafka.AIOKafkaConsumer(
            **client_kwargs(kafka),
            enable_auto_commit=False,
            # What retention took is passed over, to the earliest record that is left.
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            max_partition_fetch_bytes=fetch_bytes,
        )
        self._kafka = kafka
        self._on_progress = on_progress
        #: Topic -> its partitions, from the first metadata: later ones are of assigned topics only.
        self._partitions: dict[str, int] = {}

    async def __aenter__(self) -> PartitionReader:
        await self._consumer.start()
        for topic in await self._consumer.topics():
            self._partitions[topic] = len(self._consumer.partitions_for_topic(topic) or ())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._consumer.stop()
        except asyncio.CancelledError:
            # A consumer that was never assigned raises its own background task's cancellation
            # here; only one of ours is to be passed on.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has, 0 where there is none of that name."""
        return self._partitions.get(topic, 0)

    def expect(self, topic: str) -> int:
        """The number of partitions; raises ``TopicError`` where there is no such topic."""
        partitions = self.partitions(topic)
        if not partitions:
            raise TopicError(
                f"{topic}: expected a topic, got none of that name; create it with "
                "`sensorium topics create` and start a worker"
            )
        return partitions

    async def end(self, topic: str, partition: int) -> int:
        """The offset after the partition's last record, now.

        It is the high watermark of a fetch response: not every broker answers a request for the
        latest offset correctly.
        """
        tp = aiokafka.TopicPartition(topic, partition)
        self._consumer.assign([tp])
        await self._consumer.seek_to_beginning(tp)
        try:
            async with asyncio.timeout(_STALL_S):
                while (end := self._consumer.highwater(tp)) is None:
                    # Of an empty partition nothing comes that would end a longer wait.
                    await self._consumer.getmany(tp, timeout_ms=_FETCH_WAIT_MS)
        except TimeoutError:
            raise self._stalled(topic, partition) from None
        return int(end)

    async def at_or_after(self, topic: str, partition: int, timestamp_ms: int) -> int | None:
        """The first offset with such a Kafka timestamp, ``None`` where all are older.

        Only a place to begin at: an embedded broker may answer 0 where there is a later one.
        """
        tp = aiokafka.TopicPartition(topic, partition)
        found = await self._consumer.offsets_for_times({tp: max(0, timestamp_ms)})
        at = found.get(tp)
        return None if at is None else int(at.offset)

    async def read(
        self, topic: str, partition: int, first: int, end: int
    ) -> AsyncGenerator[Record, None]:
        """The records with offsets from ``first`` up to ``end``, which is not read; ``end`` must
        not be past the partition's. Raises ``BrokerUnreachable`` where nothing comes for long.
        """
        if first >= end:
            return
        tp = aiokafka.TopicPartition(topic, partition)
        self._consumer.assign([tp])
        self._consumer.seek(tp, first)
        clock = asyncio.get_running_loop().time
        heard_s = clock()
        while True:
            batch = (await self._consumer.getmany(tp, timeout_ms=_POLL_MS)).get(tp, ())
            for record in batch:
                if record.offset >= end:
                    return
                if record.offset >= first:
                    yield _plain(record)
            position = await self._consumer.position(tp)
            if self._on_progress is not None:
                self._on_progress(topic, min(position, end) - first, end - first)
            if position >= end:
                return
            if batch:
                heard_s = clock()
            elif clock() - heard_s > _STALL_S:
                raise self._stalled(topic, partition)

    def _stalled(self, topic: str, partition: int) -> BrokerUnreachable:
        return BrokerUnreachable(
            f"expected records of {topic}[{partition}] from {self._kafka.bootstrap}, got none for "
            f"{_STALL_S:g} s; check that the broker runs"
        )


def _plain(record: Any) -> Record:
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=-1 if record.timestamp is None else record.timestamp,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
    )
