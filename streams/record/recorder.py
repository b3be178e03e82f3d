"""Topics into a recording, as they are written or up to their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import aiokafka
from aiokafka.errors import KafkaConnectionError

from schemas.settings import KafkaSettings
from streams.errors import BrokerUnreachable
from streams.kafka_client import client_kwargs
from streams.record.handover import Handover
from streams.records import Record
from streams.topic_ends import assign_topics, ends_by_fetch, plain, stop_consumer

#: Longest wait for one fetch, ms; also how soon a stop is noticed.
_POLL_MS = 200
#: Records taken from what was fetched at a time.
_AT_ONCE = 500
#: Of one partition and of all, bytes: what may be in memory besides the chunk that is written.
_PARTITION_BYTES = 2_000_000
_FETCH_BYTES = 16_000_000


class Sink(Protocol):
    """Takes records; see ``streams.record.writer.Writer``."""

    def add(self, record: Record, at_us: int) -> None:
        """Keep one record, which was handed over at ``at_us``."""
        ...


async def check_topics(topics: Sequence[str], kafka: KafkaSettings) -> None:
    """Return where all the topics are there, so that no file is begun, or replaced, in vain.

    Raises ``TopicError``, ``BrokerUnreachable``.
    """
    async with _connected(kafka) as consumer:
        assign_topics(consumer, topics)


async def record_topics(
    topics: Sequence[str],
    kafka: KafkaSettings,
    sink: Sink,
    handover: Handover,
    *,
    stop: asyncio.Event,
    from_beginning: bool = False,
    until_end: bool = False,
    duration_s: float | None = None,
    on_progress: Callable[[], None] | None = None,
) -> None:
    """Record until ``stop`` is set, ``duration_s`` has passed, or with ``until_end`` until what
    the topics hold when this begins has been read (from their beginning).

    The records of a partition are kept in the order of their offsets, none left out. Raises
    ``TopicError`` where a topic is missing, ``BrokerUnreachable``, and what the sink raises.
    """
    async with _connected(kafka) as consumer:
        partitions = assign_topics(consumer, topics)
        await consumer.seek_to_beginning(*partitions)
        ends: dict[aiokafka.TopicPartition, int] = {}
        if until_end or not from_beginning:
            ends = await ends_by_fetch(consumer, partitions)
            for partition in partitions:
                if until_end:
                    await consumer.seek_to_beginning(partition)
                else:
                    consumer.seek(partition, ends[partition])
        loop = asyncio.get_running_loop()
        deadline = None if duration_s is None else loop.time() + duration_s
        while not stop.is_set() and (deadline is None or loop.time() < deadline):
            batches = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_AT_ONCE)
            for records in batches.values():
                for each in records:
                    record = plain(each)
                    sink.add(record, handover.time_us(record))
            if on_progress is not None:
                on_progress()
            if until_end and await _reached(consumer, ends):
                return


@asynccontextmanager
async def _connected(kafka: KafkaSettings) -> AsyncIterator[aiokafka.AIOKafkaConsumer]:
    consumer = aiokafka.AIOKafkaConsumer(
        **client_kwargs(kafka),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=_POLL_MS,
        max_partition_fetch_bytes=_PARTITION_BYTES,
        fetch_max_bytes=_FETCH_BYTES,
    )
    try:
        await consumer.start()
    except KafkaConnectionError as error:
        raise BrokerUnreachable(
            f"expected a Kafka broker at {kafka.bootstrap}, got {type(error).__name__}; check "
            "kafka.bootstrap (SENSORIUM_KAFKA__BOOTSTRAP) and that the broker runs"
        ) from None
    try:
        yield consumer
    finally:
        await stop_consumer(consumer)


async def _reached(
    consumer: aiokafka.AIOKafkaConsumer, ends: dict[aiokafka.TopicPartition, int]
) -> bool:
    """Whether every partition has been read up to its end."""
    positions = [(await consumer.position(each), end) for each, end in ends.items()]
    return all(position >= end for position, end in positions)
