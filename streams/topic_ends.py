"""Reading topics without a group: their partitions, where they end at present, all up to there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.settings import KafkaSettings
from streams.errors import BrokerUnreachable, TopicError
from streams.kafka_client import client_kwargs
from streams.records import Record

#: Longest wait for one fetch, ms; an empty partition answers after it.
_POLL_MS = 200
#: A broker that says nothing of a partition for so long is down, or hangs.
_STALL_S = 30.0
#: A record larger than its input's ``max_bytes`` is a dead letter, so there are large ones.
_FETCH_BYTES = 20_000_000


def assign_topics(consumer: AIOKafkaConsumer, topics: Sequence[str]) -> list[TopicPartition]:
    """Assign every partition of some topics. Raises ``TopicError`` where there is no such topic."""
    found: list[TopicPartition] = []
    for topic in topics:
        numbers = consumer.partitions_for_topic(topic)
        if not numbers:
            raise TopicError(
                f"{topic}: expected a topic, got none of that name; create it with "
                "`sensorium topics create` and start a worker"
            )
        found += [TopicPartition(topic, number) for number in sorted(numbers)]
    consumer.assign(found)
    return found


async def ends_by_fetch(
    consumer: AIOKafkaConsumer,
    partitions: Sequence[TopicPartition],
    *,
    stall_s: float = _STALL_S,
) -> dict[TopicPartition, int]:
    """The offset after the last record of each partition, as fetch responses tell it.

    Not every broker answers a request for the latest offset correctly. Records that come
    meanwhile are taken from the consumer: seek afterwards. Raises ``BrokerUnreachable`` where a
    partition is not told of within ``stall_s``.
    """
    try:
        async with asyncio.timeout(stall_s):
            while any(consumer.highwater(each) is None for each in partitions):
                await consumer.getmany(timeout_ms=_POLL_MS)
    except TimeoutError:
        lacking = [each for each in partitions if consumer.highwater(each) is None]
        raise BrokerUnreachable(
            f"expected the end of {lacking[0].topic}[{lacking[0].partition}] from the broker, got "
            f"none of {len(lacking)} partitions within {stall_s:g} s; check that every broker runs"
        ) from None
    return {each: int(consumer.highwater(each) or 0) for each in partitions}


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, also one that was never assigned anything."""
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        # A consumer without a group that was never assigned raises its own background task's
        # cancellation here; only one of ours is to be passed on.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise


def plain(record: Any) -> Record:
    """A record of the client library as the domain sees it."""
    return Record(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        tuple(record.headers),
    )


async def read_to_end(topic: str, kafka: KafkaSettings) -> AsyncGenerator[Record, None]:
    """Every record of a topic up to its present end, by partition and offset.

    Raises ``TopicError`` where there is no such topic, ``BrokerUnreachable`` where a partition is
    not told of for half a minute.
    """
    consumer = AIOKafkaConsumer(
        **client_kwargs(kafka),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=_POLL_MS,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    await consumer.start()
    try:
        for partition in assign_topics(consumer, [topic]):
            async with aclosing(partition_to_end(consumer, partition)) as records:
                async for record in records:
                    yield record
    finally:
        await stop_consumer(consumer)


async def partition_to_end(
    consumer: AIOKafkaConsumer, partition: TopicPartition, *, stall_s: float = _STALL_S
) -> AsyncGenerator[Record, None]:
    """``read_to_end`` of one partition, with a consumer that reads nothing else."""
    consumer.assign([partition])
    await consumer.seek_to_beginning(partition)
    # The end as it is now: a replay can make new dead letters, which are not for this reading.
    end: int | None = None
    clock_s = asyncio.get_running_loop().time
    stalled_s = clock_s() + stall_s
    while True:
        batches = await consumer.getmany(partition, timeout_ms=_POLL_MS)
        if end is None:
            end = consumer.highwater(partition)
        records = batches.get(partition, ())
        for record in records:
            if end is not None and record.offset >= end:
                return
            yield plain(record)
        position = await consumer.position(partition)
        if end is not None and position >= end:
            return
        if records:
            stalled_s = clock_s() + stall_s
        elif clock_s() > stalled_s:
            raise BrokerUnreachable(
                f"expected {partition.topic}[{partition.partition}] up to its end from the broker, "
                f"got nothing from offset {position} on within {stall_s:g} s; check that every "
                "broker runs"
            )
