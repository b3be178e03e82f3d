"""Reads a whole topic, from its beginning to its present end, all partitions at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiokafka

from schemas.settings import KafkaSettings
from streams.errors import TopicError
from streams.kafka_client import client_kwargs

#: Longest wait for one fetch, ms; an empty partition answers after it.
_POLL_MS = 200
_FETCH_BYTES = 4_000_000


async def read_topic(topic: str, kafka: KafkaSettings) -> AsyncIterator[Any]:
    """Every record (aiokafka's ``ConsumerRecord``), each partition's in order.

    The end is the high watermark of the fetch responses: not every broker answers a request for
    the latest offset correctly. Raises ``TopicError`` where there is no such topic.
    """
    consumer = aiokafka.AIOKafkaConsumer(
        **client_kwargs(kafka),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=_POLL_MS,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    await consumer.start()
    try:
        partitions = consumer.partitions_for_topic(topic)
        if not partitions:
            raise TopicError(f"{topic}: expected a topic to read, got none of that name")
        open_tps = {aiokafka.TopicPartition(topic, number) for number in partitions}
        consumer.assign(open_tps)
        await consumer.seek_to_beginning(*open_tps)
        while open_tps:
            for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                for record in records:
                    yield record
            for tp in list(open_tps):
                end = consumer.highwater(tp)
                if end is not None and await consumer.position(tp) >= end:
                    open_tps.discard(tp)
    finally:
        await consumer.stop()
