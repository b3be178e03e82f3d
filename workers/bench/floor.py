"""The floor: the least that anyone would write by hand. aiokafka, a dict, one send per window.

It keeps nothing safe: no lateness, no idle sensors, no commits that follow results, no way back
after a crash. It is there for the ratio.
"""

from __future__ import annotations

import asyncio
import json

import aiokafka

from schemas.pipeline import Pipeline
from schemas.settings import KafkaSettings
from schemas.units import to_us
from streams.kafka_client import client_kwargs, producer_kwargs
from workers.bench.errors import BenchError
from workers.bench.oracle import WindowId, digest
from workers.bench.stopwatch import Figures, Stopwatch
from workers.bench.topic_reader import read_topic
from workers.bench.workload import SEQUENCE_BYTES, SIZE_MS

#: Suffix of the topic that the floor publishes to.
OUTPUT = "floor"
#: Seconds without a record after which the rest of the backlog is given up.
_SILENCE_S = 20.0
_FETCH_BYTES = 4_000_000
_LINGER_MS = 5


async def run_floor(pipeline: Pipeline, kafka: KafkaSettings, records: int) -> Figures:
    """Read ``records`` records, group them by session and window, publish one JSON body each."""
    corrections_ms = {
        pipeline.topic(name): to_us(spec.clock.offset) // 1_000
        for name, spec in pipeline.inputs.items()
    }
    consumer = aiokafka.AIOKafkaConsumer(
        *corrections_ms,
        **client_kwargs(kafka),
        group_id=f"{pipeline.pipeline}.{OUTPUT}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=kafka.session_timeout_ms,
        heartbeat_interval_ms=kafka.session_timeout_ms // 5,
        fetch_max_wait_ms=kafka.fetch_max_wait_ms,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    producer = aiokafka.AIOKafkaProducer(
        **producer_kwargs(kafka, OUTPUT, linger_ms=_LINGER_MS, max_request_bytes=_FETCH_BYTES)
    )
    watch = Stopwatch()
    await consumer.start()
    await producer.start()
    try:
        windows = await _collect(consumer, corrections_ms, records, watch)
        sent = []
        for (partition, session, start_ms), members in windows.items():
            body = _body(session, start_ms, members)
            sent.append(await producer.send(pipeline.topic(OUTPUT), body, session, partition))
        await asyncio.gather(*sent)
        watch.published()
    finally:
        await consumer.stop()
        await producer.stop()
    return watch.read(len(windows))


#: (partition, session, start of the window in ms) -> topic -> packed sequence numbers
_Windows = dict[tuple[int, bytes, int], dict[str, list[bytes]]]


async def _collect(
    consumer: aiokafka.AIOKafkaConsumer,
    corrections_ms: dict[str, int],
    records: int,
    watch: Stopwatch,
) -> _Windows:
    windows: _Windows = {}
    seen = 0
    while seen < records:
        batches = await consumer.getmany(timeout_ms=round(_SILENCE_S * 1000))
        if not batches:
            raise BenchError(
                f"expected {records} records, got {seen} and none within {_SILENCE_S:g} s"
            )
        watch.begin()
        for (topic, partition), batch in batches.items():
            correction_ms = corrections_ms[topic]
            for record in batch:
                time_ms = record.timestamp + correction_ms
                key = (partition, record.key, time_ms - time_ms % SIZE_MS)
                window = windows.get(key)
                if window is None:
                    window = windows[key] = {}
                members = window.get(topic)
                if members is None:
                    members = window[topic] = []
                members.append(record.value[:SEQUENCE_BYTES])
            seen += len(batch)
    return windows


def _body(session: bytes, start_ms: int, members: dict[str, list[bytes]]) -> bytes:
    return json.dumps(
        {
            "session": session.decode(),
            "start_ms": start_ms,
            "end_ms": start_ms + SIZE_MS,
            "sensors": {topic: len(packed) for topic, packed in members.items()},
            "samples": digest(each for packed in members.values() for each in packed),
        }
    ).encode()


async def floor_windows(pipeline: Pipeline, kafka: KafkaSettings) -> list[tuple[WindowId, str]]:
    """What the floor published: window and digest of its samples."""
    found = []
    async for record in read_topic(pipeline.topic(OUTPUT), kafka):
        body = json.loads(record.value)
        found.append(((body["session"], body["start_ms"]), body["samples"]))
    return found
