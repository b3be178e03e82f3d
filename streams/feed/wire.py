"""The record that a sample is on its topic, whether it is sent there or only aligned."""

from __future__ import annotations

from schemas.envelope import encode_headers
from schemas.pipeline import Pipeline
from schemas.units import US_PER_MS
from streams.feed.item import FeedItem


def record_key(item: FeedItem) -> bytes | None:
    """The session; nothing for a recorded record that had no key."""
    return item.session.encode() or None


def record_timestamp_ms(item: FeedItem) -> int:
    """The recorded timestamp, else the event time."""
    return item.start_us // US_PER_MS if item.timestamp_ms is None else item.timestamp_ms


def record_headers(item: FeedItem, pipeline: Pipeline) -> list[tuple[str, bytes]]:
    """The recorded headers, else those of a CloudEvent.

    A header without a value says nothing, and not every client library can send it.
    """
    if item.headers is not None:
        return [(name, value) for name, value in item.headers if value is not None]
    return encode_headers(
        id=f"{item.session}-{item.sensor}-{item.start_us}-{item.sequence}",
        sensor=item.sensor,
        modality=pipeline.inputs[item.input].modality,
        start_us=item.start_us,
        end_us=item.end_us,
        content_type=item.content_type,
        sequence=item.sequence,
    )
