"""Kafka records as samples in event time: when they were sensed and stamped, how large. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schemas.envelope import decode_sample
from schemas.errors import EnvelopeError
from schemas.pipeline import Pipeline
from schemas.sample import SessionEnd
from schemas.units import US_PER_MS
from streams.processor.outputs import DLQ_PREFIX, LATE_PREFIX
from streams.records import Record


@dataclass(frozen=True, slots=True)
class Placed:
    """A sample's place: ``start_us`` and ``end_us`` as its producer stamped them, not corrected.

    ``offset`` is on the input's topic, ``stamped_ms`` the record's Kafka timestamp.
    """

    input: str
    sensor: str
    offset: int
    start_us: int
    end_us: int
    stamped_ms: int
    value_bytes: int
    time_known: bool = True


@dataclass(frozen=True, slots=True)
class Diverted:
    """A sample that is on ``.late`` or ``.dlq``, and why."""

    placed: Placed
    kind: Literal["late", "invalid"]
    reason: str
    late_by_ms: float | None = None


def place(record: Record, offset: int, input_name: str, pipeline: Pipeline) -> Placed | None:
    """Where a record of an input lies in event time; ``None`` where nothing tells, or it is the
    mark that a session is over.

    One whose event time cannot be read is put at its Kafka timestamp.
    """
    spec = pipeline.inputs[input_name]
    try:
        sample = decode_sample(
            topic=pipeline.topic(input_name),
            partition=record.partition,
            offset=offset,
            timestamp_ms=record.timestamp_ms,
            key=record.key,
            value=record.value,
            headers=record.headers,
            input_name=input_name,
            spec=spec,
            clock=pipeline.clock,
        )
        if isinstance(sample, SessionEnd):
            return None
        sensor, start_us, end_us, known = sample.sensor, sample.start_us, sample.end_us, True
    except EnvelopeError as error:
        known = error.start_us is not None
        start_us = record.timestamp_ms * US_PER_MS if error.start_us is None else error.start_us
        sensor, end_us = error.sensor or input_name, start_us
        if start_us < 0:
            return None
    return Placed(
        input_name,
        sensor,
        offset,
        start_us,
        end_us,
        record.timestamp_ms,
        len(record.value or b""),
        known,
    )


def place_late(record: Record, pipeline: Pipeline) -> Diverted | None:
    """A record of ``.late``; ``None`` where it came from no input of the pipeline."""
    story = _story(record, LATE_PREFIX)
    placed = _origin(record, story, pipeline)
    if placed is None:
        return None
    return Diverted(placed, "late", story.get("reason", "unknown"), _number(story.get("by_ms")))


def place_dead_letter(record: Record, pipeline: Pipeline) -> Diverted | None:
    """A record of ``.dlq``; ``None`` where it came from no input of the pipeline."""
    story = _story(record, DLQ_PREFIX)
    placed = _origin(record, story, pipeline)
    if placed is None:
        return None
    return Diverted(placed, "invalid", story.get("reason", "unknown"))


def _story(record: Record, prefix: str) -> dict[str, str]:
    return {
        name.removeprefix(prefix): value.decode(errors="replace")
        for name, value in record.headers
        if name.startswith(prefix) and value is not None
    }


def _origin(record: Record, story: dict[str, str], pipeline: Pipeline) -> Placed | None:
    inputs = {pipeline.topic(name): name for name in pipeline.inputs}
    name = inputs.get(story.get("original.topic", ""))
    offset = story.get("original.offset", "")
    if name is None or not (offset.isascii() and offset.isdigit()):
        return None
    return place(record, int(offset), name, pipeline)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
