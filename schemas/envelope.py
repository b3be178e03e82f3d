"""Samples as CloudEvents 1.0 in the Kafka binding's binary mode: headers to ``Sample`` and back.

The record's key is the session and its value the raw payload. Attributes and extensions are
headers named ``ce_…``; the content type is the header ``content-type``. Extensions of a sample:

- ``sequence``: decimal count of the sensor's samples;
- ``duration``: length of a chunk or segment in milliseconds, decimal text, up to three decimals
  (``199.977``), at most a day;
- ``traceparent``: W3C trace context; one that is malformed is ignored, as that document asks.

Extensions are also read without the prefix. Where a header occurs twice the last one counts. What
a producer leaves out is filled in: see ``decode_sample``.

A record of the type ``SESSION_END_TYPE`` ends its session on its input. It needs the key alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from schemas.envelope_fields import SAMPLE_TYPE, SAMPLE_TYPE_BYTES
from schemas.envelope_fields import SESSION_END_TYPE as SESSION_END_TYPE
from schemas.envelope_reader import EnvelopeReader
from schemas.inputs import InputSpec
from schemas.pipeline import ClockSpec
from schemas.sample import Modality, Sample, SessionEnd
from schemas.units import US_PER_MS, us_to_iso

#: As client libraries give them: Kafka allows a header without a value.
RawHeaders = Iterable[tuple[str, bytes | None]]


def sample_type(modality: Modality) -> str:
    """``ce_type`` of a sample.

    >>> sample_type(Modality.AUDIO)
    'sensorium.sample.audio.v1'
    """
    return SAMPLE_TYPE[modality]


def encode_headers(
    *,
    id: str,
    sensor: str,
    modality: Modality,
    start_us: int,
    end_us: int | None = None,
    content_type: str,
    sequence: int | None = None,
    traceparent: str | None = None,
) -> list[tuple[str, bytes]]:
    """The headers of one sample; ``end_us`` is left out for an instant."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", id.encode()),
        ("ce_source", sensor.encode()),
        ("ce_type", SAMPLE_TYPE_BYTES[modality]),
        ("ce_time", us_to_iso(start_us).encode()),
        ("content-type", content_type.encode()),
    ]
    if end_us is not None and end_us > start_us:
        whole_ms, rest_us = divmod(end_us - start_us, US_PER_MS)
        text = f"{whole_ms}.{rest_us:03d}" if rest_us else f"{whole_ms}"
        headers.append(("ce_duration", text.encode()))
    if sequence is not None:
        headers.append(("ce_sequence", str(sequence).encode()))
    if traceparent is not None:
        headers.append(("ce_traceparent", traceparent.encode()))
    return headers


def session_end_headers(session: str, source: str) -> list[tuple[str, bytes]]:
    """The headers of a record that ends its session, which is its key, on the input whose topic
    it is sent to; its value is not looked at. Send it once all samples of the session were sent.
    """
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", f"{session}-end".encode()),
        ("ce_source", source.encode()),
        ("ce_type", SESSION_END_TYPE.encode()),
    ]


def decode_ce_attributes(headers: RawHeaders) -> dict[str, str]:
    """CloudEvents attributes by their plain names (``id``, ``type``, …), others left out.

    ``content-type`` becomes ``datacontenttype``. Bytes that are not UTF-8 are replaced: this is
    for reading what some producer sent, not for deciding on it.
    """
    attributes: dict[str, str] = {}
    for name, value in headers:
        if value is not None:
            if name.startswith("ce_"):
                attributes[name[3:]] = value.decode(errors="replace")
            elif name == "content-type":
                attributes["datacontenttype"] = value.decode(errors="replace")
    return attributes


def decode_sample(
    *,
    topic: str,
    partition: int,
    offset: int,
    timestamp_ms: int,
    key: bytes | None,
    value: bytes | None,
    headers: RawHeaders,
    input_name: str,
    spec: InputSpec,
    clock: ClockSpec,
) -> Sample | SessionEnd:
    """Read one Kafka record as a sample of one input, or as the end of its session.

    Filled in where the producer is silent: the sensor is the input's only declared one, else the
    input's name; the content type what the bytes plainly are, else the input's default; the event
    time the record's timestamp; the id ``topic-partition-offset``; the length of PCM follows from
    its size, of WAV and FLAC from their header, of anything else is 0. A PCM sample's content type
    always comes out with rate, channels and format.

    Raises ``EnvelopeError``; it carries ``session``, ``sensor`` and ``start_us`` as far as they
    were good, so that the bad record can still be counted in its window. Reasons, in the order
    they are looked for: ``missing_session``, ``bad_session``, ``bad_specversion``, ``bad_type``,
    ``bad_source``, ``bad_time``, ``missing_time``, ``time_out_of_range``, ``empty_value``,
    ``too_large``, ``unknown_content_type``, ``bad_duration``, ``bad_id``, ``bad_sequence``.

    To read many records of an input, keep an ``EnvelopeReader`` of it.
    """
    return EnvelopeReader(input_name, spec, clock).read(
        topic, partition, offset, timestamp_ms, key, value, tuple(headers)
    )
