"""The made-up window as it stands on the topics: samples, results, a late one and a bad one."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.envelope import encode_headers
from schemas.pipeline import Pipeline
from schemas.result import Result
from schemas.settings import KafkaSettings
from streams.align.types import LateSample
from streams.processor.outputs import dead_letter, late_record, result_record
from streams.records import OutRecord, Record
from streams.topics import ensure_topics, plan_topics
from streams.watch.dead_letters import send_again
from tests.workers.explained import SIZE_US, START_US, result, use
from workers.explain.reader import partition_of

SESSION = "s-1"
SECRET = b"spoken in private"
#: By how much each record's Kafka timestamp is behind its sample's event time, ms.
DELAY_MS = 30


def sample(
    spec: Pipeline,
    input_name: str,
    sensor: str,
    start_ms: int,
    length_ms: int = 0,
    *,
    value: bytes = SECRET,
) -> OutRecord:
    """One sample of the session at a time from the window's start."""
    start_us = START_US + start_ms * 1_000
    modality = spec.inputs[input_name].modality
    return OutRecord(
        topic=spec.topic(input_name),
        key=SESSION.encode(),
        value=value,
        headers=encode_headers(
            id=f"{sensor}-{start_ms}",
            sensor=sensor,
            modality=modality,
            start_us=start_us,
            end_us=start_us + length_ms * 1_000,
            content_type=spec.inputs[input_name].default_content_type,
        ),
        partition=partition_of(SESSION, spec.partitions),
        timestamp_ms=start_us // 1_000 + DELAY_MS,
    )


def record(out: OutRecord, offset: int) -> Record:
    """The record as a worker reads it."""
    return Record(
        topic=out.topic,
        partition=out.partition or 0,
        offset=offset,
        timestamp_ms=out.timestamp_ms or 0,
        key=out.key,
        value=out.value,
        headers=out.headers,
    )


def results(spec: Pipeline, **changes: Any) -> list[Result]:
    """The window before, this one early and final, and the one after."""
    sensors = {
        "mic.left": use("audio", [(1, 5)], coverage=0.5),
        "mic.right": use("audio", [], absent="never_seen"),
        "camera.front": use("camera", [(0, 2)], used=1, skew_ms=0.0, matched=1),
        "pen": use("notes", [], used=1, skew_ms=-61_000.0, matched=0, age_ms=62_000.0),
        "asr": use("speech", [], absent="idle"),
    }
    before = {"mic.left": use("audio", [(0, 0)])}
    name = spec.pipeline
    early = msgspec.structs.replace(result(pipeline_name=name).timings, watermark=None)
    final = result(pipeline_name=name, revision=1, sensors=sensors)
    return [
        result(pipeline_name=name, start_us=START_US - SIZE_US, sensors=before),
        result(
            pipeline_name=name, final=False, cause="early", sensors=sensors, timings=early
        ),
        msgspec.structs.replace(final, **changes),
        result(pipeline_name=name, start_us=START_US + SIZE_US, sensors={}),
    ]  # fmt: skip


async def publish(spec: Pipeline, kafka: KafkaSettings) -> None:
    """Make the topics and put everything on them."""
    ensure_topics(kafka, plan_topics(spec))
    shard = partition_of(SESSION, spec.partitions)
    late = sample(spec, "audio", "mic.left", 1_500, 200)
    bad = sample(spec, "audio", "mic.left", 1_700, 200, value=b"")
    samples = [
        sample(spec, "audio", "mic.left", -200, 200),
        *(sample(spec, "audio", "mic.left", at_ms, 200) for at_ms in range(0, 1_000, 200)),
        late,
        bad,
        *(sample(spec, "camera", "camera.front", at_ms) for at_ms in (500, 1_000, 1_500)),
        sample(spec, "notes", "pen", -60_000),
    ]
    stranger = msgspec.structs.replace(result(pipeline_name=spec.pipeline), session="s-2")
    diverted = [
        late_record(
            spec,
            record(late, 6),
            LateSample(
                "audio", 6, SESSION, "mic.left", START_US + 1_500_000, 480_000, "behind_sensor"
            ),
        ),
        dead_letter(
            spec,
            record(bad, 7),
            stage="envelope",
            error_class="EnvelopeError",
            reason="empty_value",
            message="expected a payload",
        ),
    ]
    published = [result_record(spec, shard, one) for one in (stranger, *results(spec))]
    await send_again([*samples, *diverted, *published], kafka)
