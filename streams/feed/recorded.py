"""A recording of a pipeline's topics as something to play: records as they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from schemas.envelope import RawHeaders
from schemas.envelope_reader import EnvelopeReader
from schemas.errors import EnvelopeError
from schemas.pipeline import Pipeline
from schemas.sample import SessionEnd
from schemas.units import US_PER_MS, us_to_iso
from streams.errors import FeedError
from streams.feed.item import FeedItem
from streams.feed.playable import Playable, shift_to
from streams.record.reader import Contents, Recorded, contents, read_recording
from streams.records import Record


def recorded_playable(
    paths: Sequence[Path], pipeline: Pipeline, *, start: str, now_us: int
) -> tuple[Playable, tuple[str, ...]]:
    """The recorded inputs of one pipeline, to be played into another or the same; and notes for
    a person, a line each.

    Sessions, headers and the distances of all times are kept. ``start`` as in ``shift_to``:
    event times and Kafka timestamps move together. Marks that a session is over are left out.
    Raises ``FeedError`` where no input of the recording is one of the pipeline.
    """
    held = [contents(path) for path in paths]
    notes = [
        f"{one.path}: the file has no end, so it was cut short; "
        f"{sum(one.counts.values())} records before that are read"
        for one in held
        if one.cut_short
    ]
    topics = _input_topics(held)
    known = {topic: name for topic, name in topics.items() if name in pipeline.inputs}
    if not known:
        there = ", ".join(sorted(set(topics.values()))) or "none"
        raise FeedError(
            f"{paths[0]}: expected inputs of pipeline {pipeline.pipeline!r} "
            f"({', '.join(pipeline.inputs)}), got {there}; choose the pipeline that was recorded"
        )
    if left := sorted(set(topics.values()) - set(known.values())):
        notes.append(f"left out, no inputs of pipeline {pipeline.pipeline!r}: {', '.join(left)}")
    first_us = min((one.first_us for one in held if one.first_us), default=0)
    shift_us = shift_to(start, first_us, now_us, pipeline)
    count = sum(one.counts.get(topic, 0) for one in held for topic in known)
    return (
        Playable(
            lambda: _items(paths, pipeline, known, shift_us),
            (),
            frozenset(known.values()),
            count,
        ),
        tuple(notes),
    )


def _input_topics(held: Sequence[Contents]) -> dict[str, str]:
    return {
        topic: metadata["input"]
        for one in held
        for topic, metadata in one.channels.items()
        if "input" in metadata and one.counts.get(topic)
    }


def _items(
    paths: Sequence[Path], pipeline: Pipeline, topics: Mapping[str, str], shift_us: int
) -> Iterator[FeedItem]:
    readers = {
        name: EnvelopeReader(name, pipeline.inputs[name], pipeline.clock)
        for name in topics.values()
    }
    for one in read_recording(paths, list(topics)):
        name = topics[one.record.topic]
        item = _item(one, name, readers[name])
        if item is not None:
            yield _moved(item, shift_us) if shift_us else item


def _item(one: Recorded, name: str, reader: EnvelopeReader) -> FeedItem | None:
    record = one.record
    try:
        found = reader.read(
            record.topic,
            record.partition,
            record.offset,
            record.timestamp_ms,
            record.key,
            record.value,
            record.headers,
        )
    except EnvelopeError as error:
        return _refused(one, name, error)
    if isinstance(found, SessionEnd):
        return None
    return FeedItem(
        found.session,
        name,
        found.sensor,
        found.start_us,
        found.end_us,
        found.content_type,
        found.payload,
        found.sequence or 0,
        one.at_us,
        record.headers,
        record.timestamp_ms,
    )


def _refused(one: Recorded, name: str, error: EnvelopeError) -> FeedItem:
    """What becomes a dead letter is recorded, and played, as it is."""
    record: Record = one.record
    start_us = one.at_us if error.start_us is None else error.start_us
    return FeedItem(
        _text(record.key) if error.session is None else error.session,
        name,
        error.sensor or name,
        start_us,
        start_us,
        "application/octet-stream",
        record.value or b"",
        0,
        one.at_us,
        record.headers,
        record.timestamp_ms,
    )


def _text(key: bytes | None) -> str:
    try:
        return (key or b"").decode()
    except UnicodeDecodeError:
        return ""


def _moved(item: FeedItem, shift_us: int) -> FeedItem:
    start_us = item.start_us + shift_us
    at_ms = item.timestamp_ms
    return replace(
        item,
        start_us=start_us,
        end_us=item.end_us + shift_us,
        due_us=item.due_us + shift_us,
        headers=_timed(item.headers or (), start_us),
        timestamp_ms=None if at_ms is None or at_ms < 0 else at_ms + shift_us // US_PER_MS,
    )


def _timed(headers: RawHeaders, start_us: int) -> list[tuple[str, bytes | None]]:
    """The headers with another event time where they have a good one."""
    moved = us_to_iso(start_us).encode()
    return [(name, moved if name == "ce_time" and value else value) for name, value in headers]
