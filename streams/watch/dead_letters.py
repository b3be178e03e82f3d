"""Dead letters: what became one, why, and the record to send again."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import aiokafka
import msgspec

from schemas.settings import KafkaSettings
from streams.kafka_client import client_kwargs
from streams.processor.outputs import ATTEMPTS, DLQ_PREFIX
from streams.records import OutRecord, Record

#: Longest wait for one fetch; an empty partition answers after it.
_POLL_MS = 200
#: A record larger than its input's ``max_bytes`` is a dead letter, so these are the large ones.
_FETCH_BYTES = 20_000_000


class DeadLetter(msgspec.Struct, frozen=True):
    """Why one record was diverted and where it came from; never its payload.

    ``offset`` is its own on the dead-letter topic, ``original_offset`` the one it had on the
    input's topic; both have the same ``partition``. Numbers are -1 where the header is missing.
    """

    reason: str
    stage: str
    error: str
    message: str
    session: str | None
    original_topic: str
    partition: int
    original_offset: int
    original_timestamp_ms: int
    offset: int
    value_bytes: int


def describe(record: Record) -> DeadLetter:
    """What a dead letter's headers say."""
    story = {name: value.decode(errors="replace") for name, value in record.headers if value}
    return DeadLetter(
        reason=story.get(f"{DLQ_PREFIX}reason", "unknown"),
        stage=story.get(f"{DLQ_PREFIX}stage", "unknown"),
        error=story.get(f"{DLQ_PREFIX}error.class", ""),
        message=story.get(f"{DLQ_PREFIX}error.message", ""),
        session=record.key.decode(errors="replace") if record.key is not None else None,
        original_topic=story.get(f"{DLQ_PREFIX}original.topic", ""),
        partition=record.partition,
        original_offset=_number(story.get(f"{DLQ_PREFIX}original.offset")),
        original_timestamp_ms=_number(story.get(f"{DLQ_PREFIX}original.timestamp")),
        offset=record.offset,
        value_bytes=len(record.value or b""),
    )


def _number(text: str | None) -> int:
    told = text is not None and text.isascii() and text.isdigit() and len(text) <= 18
    return int(text) if text is not None and told else -1


def restored(record: Record, input_topics: Collection[str]) -> OutRecord | None:
    """The record as it was, for the topic it came from; ``None`` where that is no input's topic.

    It keeps its partition, hence its shard, and the timestamp that its event time may rest on.
    """
    letter = describe(record)
    if letter.original_topic not in input_topics:
        return None
    known = letter.original_timestamp_ms >= 0
    return OutRecord(
        topic=letter.original_topic,
        key=record.key,
        value=record.value,
        headers=[
            (name, value)
            for name, value in record.headers
            if name == ATTEMPTS or not name.startswith(DLQ_PREFIX)
        ],
        partition=record.partition,
        timestamp_ms=letter.original_timestamp_ms if known else None,
    )


async def send_again(records: Iterable[OutRecord], kafka: KafkaSettings) -> int:
    """Send records and return how many, once the broker has acknowledged each."""
    producer = aiokafka.AIOKafkaProducer(
        **client_kwargs(kafka), acks="all", linger_ms=25, max_request_size=_FETCH_BYTES
    )
    await producer.start()
    try:
        sent = 0
        for record in records:
            await producer.send_and_wait(
                record.topic,
                record.value,
                key=record.key,
                partition=record.partition,
                timestamp_ms=record.timestamp_ms,
                headers=list(record.headers),
            )
            sent += 1
        return sent
    finally:
        await producer.stop()
