"""Publish records in whole batches, one per topic and partition, and await every delivery.

``producer.send`` costs 25 to 50 µs a record: a metadata look-up, a future and a wait each. A batch
that is filled here and handed over whole costs them once, and is sent without lingering.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.partitioner import DefaultPartitioner

from schemas.settings import KafkaSettings
from streams.engine.settings import MAX_REQUEST_BYTES
from streams.errors import PublishError
from streams.kafka_client import producer_kwargs
from streams.records import OutRecord, TopicPartition

#: Fill of one batch, bytes; a larger record has a batch of its own. Far below what Apache Kafka
#: takes by default (``max.message.bytes``, 1 MB), and some 200 results.
BATCH_BYTES = 250_000

_partition_of_key = DefaultPartitioner()


class Publisher:
    """One producer. ``start`` it, ``publish``, ``stop`` it."""

    def __init__(self, kafka: KafkaSettings, client_id: str) -> None:
        self._kafka = kafka
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect. Raises aiokafka's ``KafkaConnectionError`` when no broker answers."""
        self._producer = AIOKafkaProducer(
            **producer_kwargs(
                self._kafka, self._client_id, linger_ms=0, max_request_bytes=MAX_REQUEST_BYTES
            ),
            max_batch_size=BATCH_BYTES,
        )
        await self._producer.start()

    async def stop(self) -> None:
        """Send what is under way and disconnect."""
        if self._producer is not None:
            await self._producer.stop()

    async def publish(self, records: Sequence[OutRecord]) -> None:
        """Return once the broker has acknowledged every record; those of one partition keep order.

        Every delivery is awaited, even after one has failed. Raises ``PublishError`` with the
        number of records that failed and the first cause.
        """
        if not records:
            return
        if self._producer is None:
            raise RuntimeError("expected a started engine, got one that is not; await start()")
        sending = _Sending(self._producer)
        # 1. ask for partitions; 2. fill batches; 3. hand them over in order; 4. await every one
        await sending.look_up({record.topic for record in records})
        for record in records:
            sending.add(record)
        await sending.deliver()
        if sending.failed:
            raise PublishError(
                f"expected {len(records)} records to be acknowledged, got {sending.failed} errors; "
                f"first on topic {sending.first_topic}: {_told(sending.first)}; check the broker "
                "and the topic's max.message.bytes, then read again from the last commit"
            ) from sending.first


class _Sending:
    """Batches and errors of one call of ``publish``."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        #: Every batch in the order in which it was begun, hence in a partition's order.
        self._batches: list[tuple[TopicPartition, Any]] = []
        #: The last batch of each partition.
        self._open: dict[TopicPartition, Any] = {}
        #: Partition numbers by topic, ascending; or why the broker did not tell them.
        self._partitions: dict[str, list[int] | Exception] = {}
        self.failed = 0
        self.first_topic = ""
        self.first: BaseException | None = None

    async def look_up(self, topics: set[str]) -> None:
        """Ask for the partitions of every topic; known ones cost nothing."""
        for topic in topics:
            try:
                self._partitions[topic] = sorted(await self._producer.partitions_for(topic))
            except Exception as error:
                self._partitions[topic] = error

    def add(self, record: OutRecord) -> None:
        """Put a record into its partition's batch; what refuses it counts as an error."""
        partitions = self._partitions[record.topic]
        if isinstance(partitions, Exception):
            self._fail(record.topic, partitions, 1)
            return
        partition = record.partition
        if partition is None:
            partition = _partition_of_key(record.key, partitions, partitions)
        tp = TopicPartition(record.topic, partition)
        try:
            batch = self._open.get(tp)
            if batch is None or not (written := _append(batch, record)):
                batch = self._producer.create_batch()
                written = _append(batch, record)
                if written.size > MAX_REQUEST_BYTES:
                    raise MessageSizeTooLargeError(
                        f"expected at most {MAX_REQUEST_BYTES} bytes, got a record of "
                        f"{written.size}"
                    )
                self._open[tp] = batch
                self._batches.append((tp, batch))
        except Exception as error:
            self._fail(record.topic, error, 1)

    async def deliver(self) -> None:
        """Send every batch and wait for its acknowledgement."""
        pending: list[Awaitable[object]] = []
        sent: list[tuple[str, int]] = []
        for tp, batch in self._batches:
            # A closed batch is sent at once, an open one lingers.
            batch.close()
            try:
                pending.append(
                    await self._producer.send_batch(batch, tp.topic, partition=tp.partition)
                )
                sent.append((tp.topic, batch.record_count()))
            except Exception as error:
                self._fail(tp.topic, error, batch.record_count())
        outcomes = await asyncio.gather(*pending, return_exceptions=True)
        for (topic, count), outcome in zip(sent, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                self._fail(topic, outcome, count)

    def _fail(self, topic: str, error: BaseException, records: int) -> None:
        if self.first is None:
            self.first_topic, self.first = topic, error
        self.failed += records


def _append(batch: Any, record: OutRecord) -> Any:
    """Put a record into a batch: its metadata, or ``None`` where the batch is full."""
    value = record.value
    if value is None and record.key is None:
        # Clients refuse such a record; a dead letter of one must get through.
        value = b""
    return batch.append(
        timestamp=record.timestamp_ms, key=record.key, value=value, headers=list(record.headers)
    )


def _told(error: BaseException | None) -> str:
    """Class and text of the client library's error."""
    return f"{type(error).__name__}: {error}"
