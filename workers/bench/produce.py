"""Puts recordings into the input topics, in few large batches, and keeps what lies where.

The embedded broker slows down with the number of batches, so they are built here rather than left
to the client's lingering.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiokafka

from schemas.pipeline import Pipeline
from schemas.settings import KafkaSettings
from streams.kafka_client import producer_kwargs
from workers.bench.oracle import OffsetLedger, pack
from workers.bench.workload import SEQUENCE_BYTES, Arrival, Workload, session_name

#: Bytes of one batch: several of them fit into a fetch.
_BATCH_BYTES = 256_000
_MAX_REQUEST_BYTES = 4_000_000
#: Different bodies of payloads; their content does not matter, but one that compresses would.
_BODIES = 64


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A batch that the broker has; times are ``time.monotonic_ns``, which a machine's processes
    share. ``sent_ns``: when the client was given it.
    """

    arrivals: Sequence[Arrival]
    sent_ns: int
    acked_ns: int


class BatchProducer:
    """Sends samples of one recording and notes in ``ledger`` at which offsets they lie."""

    def __init__(
        self, producer: aiokafka.AIOKafkaProducer, pipeline: Pipeline, workload: Workload
    ) -> None:
        self.ledger = OffsetLedger()
        self._producer = producer
        self._pipeline = pipeline
        self._workload = workload
        rng = random.Random(workload.seed)
        size = max(0, workload.payload_bytes - SEQUENCE_BYTES)
        self._bodies = [rng.randbytes(size) for _ in range(_BODIES)]

    async def send(self, arrivals: Iterable[Arrival]) -> list[Confirmed]:
        """Send samples, those of a partition in the order given; returns once all are there."""
        groups: dict[tuple[str, int], list[Arrival]] = {}
        for one in arrivals:
            key = (one.input, self._workload.partition(one.session))
            groups.setdefault(key, []).append(one)
        sent = await asyncio.gather(*(self._send(*key, group) for key, group in groups.items()))
        return [batch for batches in sent for batch in batches]

    async def _send(
        self, input: str, partition: int, arrivals: Sequence[Arrival]
    ) -> list[Confirmed]:
        confirmed = []
        at = 0
        while at < len(arrivals):
            batch = self._producer.create_batch()
            first = at
            while at < len(arrivals) and self._append(batch, arrivals[at]):
                at += 1
            sent_ns = time.monotonic_ns()
            topic = self._pipeline.topic(input)
            future = await self._producer.send_batch(batch, topic, partition=partition)
            metadata = await future
            part = arrivals[first:at]
            confirmed.append(Confirmed(part, sent_ns, time.monotonic_ns()))
            self.ledger.note(input, partition, metadata.offset, [one.sequence for one in part])
        return confirmed

    def _append(self, batch: Any, one: Arrival) -> bool:
        return (
            batch.append(
                timestamp=self._workload.stamp_ms(one),
                key=session_name(one.session).encode(),
                value=pack(one.sequence) + self._bodies[one.sequence % _BODIES],
            )
            is not None
        )


@asynccontextmanager
async def producing(
    pipeline: Pipeline, workload: Workload, kafka: KafkaSettings
) -> AsyncIterator[BatchProducer]:
    """A producer for the length of a block; the topics must exist."""
    producer = aiokafka.AIOKafkaProducer(
        **producer_kwargs(kafka, "bench", linger_ms=0, max_request_bytes=_MAX_REQUEST_BYTES),
        max_batch_size=max(_BATCH_BYTES, 2 * workload.payload_bytes),
    )
    await producer.start()
    try:
        yield BatchProducer(producer, pipeline, workload)
    finally:
        await producer.stop()


@dataclass(slots=True)
class Pace:
    """How well a paced run kept its time: the longest that a sample was sent after it was due."""

    behind_ms: float = 0.0


async def play(
    producer: BatchProducer, arrivals: Iterable[Arrival], *, start_ms: int, tick_ms: int, pace: Pace
) -> AsyncIterator[list[Confirmed]]:
    """Send samples as they arrive by the wall clock, those of one tick together.

    ``start_ms``: the epoch time, in the recording, that is now. Yields what the broker confirmed.
    """
    loop = asyncio.get_running_loop()
    due: list[Arrival] = []
    waiting = iter(arrivals)
    # Makes the sessions that begin at once, which takes its time: the clock starts afterwards.
    upcoming = next(waiting, None)
    began_s = loop.time()
    while upcoming is not None:
        now_ms = start_ms + (loop.time() - began_s) * 1000
        while upcoming is not None and upcoming.arrival_ms <= now_ms:
            due.append(upcoming)
            upcoming = next(waiting, None)
        if due:
            pace.behind_ms = max(pace.behind_ms, now_ms - due[0].arrival_ms - tick_ms)
            yield await producer.send(due)
            due = []
        next_ms = start_ms + ((now_ms - start_ms) // tick_ms + 1) * tick_ms
        # The clock is what is awaited here: the recording has its own time.
        await asyncio.sleep(max(0.0, began_s + (next_ms - start_ms) / 1000 - loop.time()))
