"""A seeded backlog of three sensors per session, and the windows that must come of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import aiokafka

from schemas.pipeline import Pipeline
from schemas.settings import KafkaSettings
from streams.kafka_client import producer_kwargs
from streams.topics import ensure_topics, plan_topics

SIZE_MS = 500
START_MS = 1_700_000_000_000
PAYLOAD_BYTES = 900
RATES_HZ = {"video": 10, "audio": 10, "transcript": 1}

#: Bytes in, bytes out: what is measured is transport and alignment, without a model.
PIPELINE = Pipeline.model_validate(
    {
        "pipeline": "bench",
        "inputs": {
            name: {
                "modality": "points",
                "sensors": [name],
                "content_type": "application/octet-stream",
                "lateness": "500ms",
                "idle_after": "200ms",
            }
            for name in RATES_HZ
        },
        "window": {"size": f"{SIZE_MS}ms"},
        "model": {"name": "identity", "max_batch": 512},
    }
)


@dataclass(frozen=True, slots=True)
class Sent:
    """One record of the backlog, at its arrival time."""

    arrival_ms: float
    time_ms: int
    session: str
    input: str


def backlog(sessions: int, seconds: int, seed: int) -> list[Sent]:
    """Every record in order of arrival: up to 80 ms after its time, 2 % up to 380 ms."""
    random_ = random.Random(seed)
    sent = []
    for number in range(sessions):
        for name, rate_hz in RATES_HZ.items():
            phase_ms = random_.random() * 1000 / rate_hz
            for k in range(seconds * rate_hz):
                time_ms = START_MS + int(phase_ms + k * 1000 / rate_hz)
                delay_ms = random_.random() * 80
                if random_.random() < 0.02:
                    delay_ms += random_.random() * 300
                sent.append(Sent(time_ms + delay_ms, time_ms, f"s{number:04d}", name))
    sent.sort(key=lambda one: one.arrival_ms)
    return sent


def windows(sent: list[Sent]) -> dict[tuple[str, int], dict[str, int]]:
    """(session, window start in ms) -> samples per input: what an exact aligner gives."""
    counts: dict[tuple[str, int], dict[str, int]] = {}
    for one in sent:
        window = counts.setdefault((one.session, one.time_ms - one.time_ms % SIZE_MS), {})
        window[one.input] = window.get(one.input, 0) + 1
    return counts


def _payloads(seed: int) -> Iterator[bytes]:
    random_ = random.Random(seed)
    pool = [random_.randbytes(PAYLOAD_BYTES) for _ in range(64)]
    while True:
        yield from pool


async def produce(sent: list[Sent], kafka: KafkaSettings, seed: int) -> None:
    """Create the topics and put the whole backlog into them."""
    ensure_topics(kafka, plan_topics(PIPELINE))
    producer = aiokafka.AIOKafkaProducer(
        **producer_kwargs(kafka, "bench", linger_ms=30, max_request_bytes=4_000_000),
        max_batch_size=256_000,
    )
    await producer.start()
    try:
        payloads = _payloads(seed)
        for one in sent:
            await producer.send(
                PIPELINE.topic(one.input),
                next(payloads),
                one.session.encode(),
                timestamp_ms=one.time_ms,
            )
        await producer.flush()
    finally:
        await producer.stop()
