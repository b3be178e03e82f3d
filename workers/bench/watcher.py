"""A subscriber that notes when it sees each final result."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable

import aiokafka
import msgspec

from schemas.pipeline import Pipeline
from schemas.result import decode_result
from schemas.settings import KafkaSettings
from schemas.units import US_PER_MS, iso_to_us
from streams.kafka_client import client_kwargs
from workers.bench.pipeline import LIVE_IDLE_MS

#: How long the broker may hold a fetch back while nothing is there, ms.
_FETCH_WAIT_MS = 10
#: How soon it notices that it is to stop, ms.
_POLL_MS = 200
#: Seconds without a result after which one that is to stop does: idle sensors are found by then.
_SILENCE_S = LIVE_IDLE_MS / 1000 + 2.0


class Sighting(msgspec.Struct, frozen=True, array_like=True):
    """A final result: its window, ``time.monotonic_ns`` when its bytes were there, and what its
    worker says: the epoch time at which the window was complete in Redis, the wait from then to
    fusion, and the fusion batch, all in ms.
    """

    session: str
    start_ms: int
    seen_ns: int
    applied_at_ms: int
    wait_ms: float
    fuse_ms: float


async def watch_results(
    pipeline: Pipeline, kafka: KafkaSettings, ready: Callable[[], None]
) -> list[Sighting]:
    """Read the results topic from its beginning until, after SIGTERM, no more results come."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    consumer = aiokafka.AIOKafkaConsumer(
        **client_kwargs(kafka), enable_auto_commit=False, fetch_max_wait_ms=_FETCH_WAIT_MS
    )
    # Decoded when all is over: a look at the clock must not wait for JSON.
    seen: list[tuple[int, bytes]] = []
    await consumer.start()
    try:
        topic = pipeline.results_topic
        tps = [aiokafka.TopicPartition(topic, number) for number in range(pipeline.partitions)]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        ready()
        now_ns = newest_ns = time.monotonic_ns()
        while not stopped.is_set() or now_ns - newest_ns < _SILENCE_S * 1e9:
            batches = await consumer.getmany(timeout_ms=_POLL_MS)
            now_ns = time.monotonic_ns()
            if batches:
                newest_ns = now_ns
            seen.extend((now_ns, record.value) for batch in batches.values() for record in batch)
    finally:
        await consumer.stop()
    results = ((seen_ns, decode_result(body)) for seen_ns, body in seen)
    return [
        Sighting(
            result.session,
            iso_to_us(result.window.start) // US_PER_MS,
            seen_ns,
            result.timings.completed_at_ms,
            result.timings.wait_ms,
            result.timings.fuse_ms,
        )
        for seen_ns, result in results
        if result.final
    ]
