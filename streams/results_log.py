"""Reads one partition of a results topic from its beginning to its present end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import aiokafka

from schemas.errors import WireError
from schemas.result import STATE_HEADER, Result, decode_result

#: Longest wait for one fetch; an empty partition answers after it.
_POLL_MS = 200


class Logged(NamedTuple):
    """A published result, and its session's model state after it; empty where there is none."""

    result: Result
    model_state: bytes = b""


async def read_results(
    topic: str, partition: int, client: Mapping[str, Any]
) -> AsyncIterator[Logged]:
    """Every result in the partition, oldest first; a body that is not a result is skipped.

    ``client``: keyword arguments of an aiokafka client. The end is the high watermark of the
    fetch responses, because not every broker answers a request for the latest offset correctly.
    """
    tp = aiokafka.TopicPartition(topic, partition)
    consumer = aiokafka.AIOKafkaConsumer(
        **client, enable_auto_commit=False, fetch_max_wait_ms=_POLL_MS, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        consumer.assign([tp])
        await consumer.seek_to_beginning(tp)
        while True:
            batches = await consumer.getmany(tp, timeout_ms=_POLL_MS)
            for record in batches.get(tp, ()):
                try:
                    result = decode_result(record.value or b"")
                except WireError:
                    continue
                yield Logged(result, dict(record.headers).get(STATE_HEADER, b""))
            end = consumer.highwater(tp)
            if end is not None and await consumer.position(tp) >= end:
                return
    finally:
        await consumer.stop()
