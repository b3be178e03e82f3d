"""Builds what is published: results and events, dead letters, late samples. Pure."""

from __future__ import annotations

import msgspec

from schemas.event import EVENT_TYPES
from schemas.object_events import (
    OBJECT_EVENT_TYPES,
    SITUATION_EVENT_TYPES,
    ObjectEvent,
    SituationEvent,
    encode_any_event,
)
from schemas.pipeline import Pipeline
from schemas.remembered import Remembered
from schemas.result import RESULT_TYPE, STATE_HEADER, Result, encode_result
from schemas.units import US_PER_MS
from streams.align.types import LateSample
from streams.records import Headers, OutRecord, Record
from streams.session_events import AnyEvent

#: Headers that tell a dead letter's story; a replayed record loses them again.
DLQ_PREFIX = "dlq."
LATE_PREFIX = "late."
#: The one header that a replayed record keeps: how often it has been a dead letter.
ATTEMPTS = "dlq.attempts"
#: Longest error message in a dead letter's headers.
_MAX_MESSAGE = 500

Header = tuple[str, bytes]


def _source(pipeline: str) -> Header:
    return ("ce_source", f"sensorium/{pipeline}".encode())


def _type(type_: str) -> Header:
    return ("ce_type", type_.encode())


_SPECVERSION: Header = ("ce_specversion", b"1.0")
_JSON: Header = ("content-type", b"application/json")
_SOURCES = Remembered(_source)
_TYPES = Remembered(_type)


def _cloud_event(id_: str, type_: str, pipeline: str, subject: bytes, time: str) -> list[Header]:
    return [
        _SPECVERSION,
        ("ce_id", id_.encode()),
        _SOURCES[pipeline],
        _TYPES[type_],
        ("ce_subject", subject),
        ("ce_time", time.encode()),
        _JSON,
    ]


def result_record(
    pipeline: Pipeline, shard: int, result: Result, state: bytes | None = None
) -> OutRecord:
    """A result on ``<pipeline>.results``, on its shard's partition, event time = window end.
    ``state``: the model's of its session after it, if it keeps any.
    """
    key = result.session.encode()
    headers = _cloud_event(result.id, RESULT_TYPE, result.pipeline, key, result.window.end)
    if state is not None:
        headers.append((STATE_HEADER, state))
    return OutRecord(
        pipeline.results_topic,
        key,
        encode_result(result),
        headers,
        shard,
    )


def shadow_record(pipeline: Pipeline, shard: int, result: Result) -> OutRecord:
    """A shadow's result, on ``<pipeline>.shadow``; all else as ``result_record``."""
    record = result_record(pipeline, shard, result)
    return msgspec.structs.replace(record, topic=pipeline.shadow_topic)


def event_record(pipeline: Pipeline, shard: int, event: AnyEvent) -> OutRecord:
    """An event change on ``<pipeline>.events``."""
    key = event.session.encode()
    type_, time = _type_and_time(event)
    headers = _cloud_event(event.id, type_, event.pipeline, key, time)
    return OutRecord(pipeline.events_topic, key, encode_any_event(event), headers, shard)


def _type_and_time(event: AnyEvent) -> tuple[str, str]:
    match event:
        case ObjectEvent():
            return OBJECT_EVENT_TYPES[event.action], event.object.valid_at
        case SituationEvent():
            return SITUATION_EVENT_TYPES[event.action], event.until
        case _:
            return EVENT_TYPES[event.action], event.until


def dead_letter(
    pipeline: Pipeline,
    record: Record,
    *,
    stage: str,
    error_class: str,
    reason: str,
    message: str,
) -> OutRecord:
    """The record untouched on ``<pipeline>.dlq``, with where it came from and why."""
    story: Headers = [
        *_origin(record, DLQ_PREFIX),
        ("dlq.stage", stage.encode()),
        ("dlq.reason", reason.encode()),
        ("dlq.error.class", error_class.encode()),
        ("dlq.error.message", message[:_MAX_MESSAGE].encode()),
        (ATTEMPTS, str(1 + _attempts(record)).encode()),
    ]
    return _diverted(pipeline.dlq_topic, record, story)


def _attempts(record: Record) -> int:
    """How often a replayed record has been a dead letter before."""
    text = dict(record.headers).get(ATTEMPTS, b"0")
    # Python refuses to read a number of thousands of digits.
    return int(text) if text.isdigit() and len(text) <= 9 else 0


def late_record(pipeline: Pipeline, record: Record, late: LateSample) -> OutRecord:
    """The record untouched on ``<pipeline>.late``, with the reason and by how much."""
    story: Headers = [
        *_origin(record, LATE_PREFIX),
        ("late.reason", late.reason.encode()),
        ("late.by_ms", f"{late.late_by_us / US_PER_MS:.3f}".encode()),
    ]
    return _diverted(pipeline.late_topic, record, story)


def _origin(record: Record, prefix: str) -> Headers:
    return [
        (f"{prefix}original.topic", record.topic.encode()),
        (f"{prefix}original.partition", str(record.partition).encode()),
        (f"{prefix}original.offset", str(record.offset).encode()),
        (f"{prefix}original.timestamp", str(record.timestamp_ms).encode()),
    ]


def _diverted(topic: str, record: Record, story: Headers) -> OutRecord:
    return OutRecord(
        topic=topic,
        key=record.key,
        value=record.value,
        headers=[*((name, value) for name, value in record.headers if name != ATTEMPTS), *story],
        partition=record.partition,
        timestamp_ms=record.timestamp_ms,
    )
