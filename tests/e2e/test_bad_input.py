"""Bad input through a real worker: each bad record is a dead letter, the rest flows on."""

from __future__ import annotations

from pathlib import Path

import aiokafka
import cv2
import numpy as np
import pytest

from schemas.envelope import encode_headers
from schemas.pipeline_file import load_pipeline
from schemas.sample import Modality
from schemas.units import US_PER_MS
from streams.kafka_client import producer_kwargs
from streams.records import Record
from tests.e2e.harness import Site, site

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

START_MS = 1_790_000_000_000
FRAMES = 20
PERIOD_MS = 100


def jpeg() -> bytes:
    picture = np.random.default_rng(1).integers(0, 255, (96, 160, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", picture)[1].tobytes()


def frame_headers(time_ms: int, content_type: str = "image/jpeg") -> list[tuple[str, bytes]]:
    return encode_headers(
        id=f"f-{time_ms}",
        sensor="camera.front",
        modality=Modality.VIDEO,
        start_us=time_ms * US_PER_MS,
        content_type=content_type,
    )


def with_time(value: bytes) -> list[tuple[str, bytes]]:
    return [(k, value if k == "ce_time" else v) for k, v in frame_headers(START_MS)]


#: reason -> (input, key, value, headers)
BAD = {
    "truncated_jpeg": ("camera", b"car-1", jpeg()[:-400], frame_headers(START_MS + 5)),
    "not_utf8": ("speech", b"car-1", b"caf\xe9 \xff", None),
    "empty_value": ("camera", b"car-1", b"", frame_headers(START_MS + 15)),
    "unknown_content_type": (
        "camera",
        b"car-1",
        jpeg(),
        frame_headers(START_MS + 25, "image/x-unknown"),
    ),
    "bad_time": ("camera", b"car-1", jpeg(), with_time(b"yesterday")),
    "too_large": ("camera", b"car-1", jpeg() + bytes(8_000_000), frame_headers(START_MS + 45)),
    "missing_session": ("camera", None, jpeg(), frame_headers(START_MS + 55)),
    "time_out_of_range": ("camera", b"car-1", jpeg(), with_time(b"1970-01-01T00:00:00Z")),
}


async def feed_good_and_bad(here: Site) -> None:
    producer = aiokafka.AIOKafkaProducer(
        **producer_kwargs(here.settings.kafka, "test", linger_ms=20, max_request_bytes=16_000_000)
    )
    await producer.start()
    try:
        frame = jpeg()
        for k in range(FRAMES):
            time_ms = START_MS + k * PERIOD_MS
            await producer.send(
                "vehicle.camera",
                frame,
                b"car-1",
                timestamp_ms=time_ms,
                headers=frame_headers(time_ms),
            )
            if k == FRAMES // 2:
                for name, key, value, headers in BAD.values():
                    await producer.send(
                        f"vehicle.{name}",
                        value,
                        key,
                        timestamp_ms=START_MS,
                        headers=headers or [],
                    )
        await producer.flush()
    finally:
        await producer.stop()


async def test_each_bad_record_is_a_dead_letter_with_its_reason_and_the_rest_flows_on(
    tmp_path: Path,
) -> None:
    with site(load_pipeline("vehicle"), tmp_path) as here:
        await here.start_worker().ready()
        await feed_good_and_bad(here)
        results = await here.results(4)
        letters = await here.collect("dlq", lambda records: len(records) >= len(BAD))
    counted = [result.sensors["camera.front"].samples for result in results]
    assert counted == [5, 5, 5, 5]
    by_reason = {header(letter, "dlq.reason"): letter for letter in letters}
    assert sorted(by_reason) == sorted(BAD)
    assert len(letters) == len(BAD)
    for reason, (name, key, value, headers) in BAD.items():
        letter = by_reason[reason]
        assert (letter.key, letter.value) == (key, value)
        assert header(letter, "dlq.original.topic") == f"vehicle.{name}"
        assert list(letter.headers)[: len(headers or [])] == (headers or [])
        assert header(letter, "dlq.error.message")


def header(record: Record, name: str) -> str:
    return dict(record.headers)[name].decode()
