"""Reading one record again, by its coordinates."""

from __future__ import annotations

import asyncio

import aiokafka
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from schemas.settings import KafkaSettings
from streams.errors import BrokerUnreachable
from streams.kafka_client import client_kwargs
from streams.records import Record, TopicPartition

#: Seconds for connecting and fetching together.
_TIMEOUT_S = 15.0
#: Wait for one fetch, ms.
_POLL_MS = 500


async def read_record(
    kafka: KafkaSettings, tp: TopicPartition, offset: int, *, timeout_s: float = _TIMEOUT_S
) -> Record | None:
    """The record at an offset, or ``None`` where the broker does not keep it any more.

    By a connection of its own, since the group's consumer goes on reading meanwhile. Raises
    ``BrokerUnreachable`` where no answer comes in time.
    """
    consumer = aiokafka.AIOKafkaConsumer(
        **client_kwargs(kafka),
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=_POLL_MS,
    )
    place = aiokafka.TopicPartition(tp.topic, tp.partition)
    try:
        async with asyncio.timeout(timeout_s):
            await consumer.start()
            consumer.assign([place])
            consumer.seek(place, offset)
            while True:
                # One alone: a fetch may hold thousands of records that nobody asked for.
                found = await consumer.getmany(place, timeout_ms=_POLL_MS, max_records=1)
                for record in found.get(place, ()):
                    return _plain(record) if record.offset == offset else None
                end = consumer.highwater(place)
                if end is not None and end <= offset:
                    return None
    except OffsetOutOfRangeError:
        return None
    except (TimeoutError, KafkaError) as error:
        raise BrokerUnreachable(
            f"expected record {offset} of {tp.topic}, partition {tp.partition}, within "
            f"{timeout_s:g} s, got {type(error).__name__}; is the broker overloaded or gone?"
        ) from error
    finally:
        await consumer.stop()


def _plain(record: aiokafka.ConsumerRecord[bytes, bytes]) -> Record:
    return Record(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        tuple(record.headers),
    )
