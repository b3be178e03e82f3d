"""Reading topics without a group: their partitions, and where they end at present."""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.errors import TopicError

#: Longest wait for one fetch, ms.
_POLL_MS = 200


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
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, int]:
    """The offset after the last record of each partition, as fetch responses tell it.

    Not every broker answers a request for the latest offset correctly. Records that come
    meanwhile are taken from the consumer: seek afterwards.
    """
    while any(consumer.highwater(each) is None for each in partitions):
        await consumer.getmany(timeout_ms=_POLL_MS)
    return {each: int(consumer.highwater(each) or 0) for each in partitions}
