"""Reading a sample's attributes, each from its own header, one fact at a time.

A reader returns the value or raises ``Bad`` with the reason; ``schemas.envelope_reader`` puts them
together and adds what else is known of the record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import NamedTuple, NoReturn

from schemas.audio_length import flac_us, wav_us
from schemas.content_type import ACCEPTED, FLACS, PCM, WAVS, parse_content_type, pcm_format
from schemas.pipeline import ClockSpec
from schemas.remembered import Remembered
from schemas.sample import Modality
from schemas.units import MAX_EVENT_TIME_US, US_PER_MS, format_duration, iso_to_us, to_us

SPEC_VERSION = b"1.0"
MAX_SESSION_BYTES = 128
#: Ids go into headers and spans again; ours (session, sensor, time, sequence) stay below 230.
MAX_ID_BYTES = 256
#: A chunk, segment or sweep lasts seconds; more than a day is a unit mistaken.
MAX_DURATION_US = 86_400 * 1_000_000

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SENSOR = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DURATION = re.compile(rb"(\d{1,8})(?:\.(\d{1,3})\d*)?")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
#: ``ce_type`` of a record that ends its session on its input. It needs a key and nothing else:
#: its value and its other headers are not looked at.
SESSION_END_TYPE = "sensorium.session.end.v1"
SAMPLE_TYPE = {modality: f"sensorium.sample.{modality.value}.v1" for modality in Modality}
SAMPLE_TYPE_BYTES = {modality: name.encode() for modality, name in SAMPLE_TYPE.items()}


#: What tells how long an audio file in a record lasts.
_FILES_US = dict.fromkeys(WAVS, wav_us) | dict.fromkeys(FLACS, flac_us)


class Bad(Exception):
    """One fact about a record is wrong; ``EnvelopeReader`` adds what else is known."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def fail(reason: str, message: str) -> NoReturn:
    """Raise ``Bad``."""
    raise Bad(reason, message)


def shown(value: bytes) -> str:
    """A header's value for a message: short, on one line, and never the payload."""
    text = value[:64].decode(errors="replace")
    return repr(text) + ("…" if len(value) > 64 else "")


def has_control(text: str) -> bool:
    """Whether there is a control character in the text."""
    # Most texts are plain: told at half the cost of a search.
    plain = text.isascii() and text.isprintable()
    return not plain and _CONTROL.search(text) is not None


def read_session(key: bytes | None) -> str:
    """The record's key; raises ``missing_session`` or ``bad_session``."""
    if not key:
        fail("missing_session", "expected the session as the record's key, got none; send it")
    try:
        session = key.decode() if len(key) <= MAX_SESSION_BYTES else ""
    except UnicodeDecodeError:
        session = ""
    if not session or has_control(session):
        fail(
            "bad_session",
            f"expected the key to be UTF-8 without control characters, at most "
            f"{MAX_SESSION_BYTES} bytes; got {len(key)} bytes that are not; change the key",
        )
    return session


def refuse_version(version: bytes) -> NoReturn:
    """Another CloudEvents version: ``bad_specversion``."""
    fail(
        "bad_specversion",
        f"expected ce_specversion {SPEC_VERSION.decode()}, got {shown(version)}; "
        "send CloudEvents 1.0 or leave the ce_ headers out",
    )


def check_kind(kind: bytes, modality: Modality) -> None:
    """Refuse another type of ours than this input reads: ``bad_type``. Others' types are fine."""
    if kind != SAMPLE_TYPE_BYTES[modality] and kind.startswith(b"sensorium."):
        fail(
            "bad_type",
            f"expected ce_type {SAMPLE_TYPE[modality]}, got {shown(kind)}; "
            "send the sample to the input of its modality, in this version",
        )


def read_sensor(source: bytes) -> str:
    """The sensor that is named; raises ``bad_source``."""
    if _SENSOR.fullmatch(source) is None:
        fail(
            "bad_source",
            "expected ce_source to be a sensor name (letters, digits, '.', '_', '-', at most 64), "
            f"got {shown(source)}; rename the sensor",
        )
    return source.decode()


class ClockBounds(NamedTuple):
    """A pipeline's ``ClockSpec`` in microseconds."""

    max_ahead_us: int
    max_behind_us: int

    @classmethod
    def of(cls, clock: ClockSpec) -> ClockBounds:
        """The bounds that a pipeline file gives."""
        return cls(to_us(clock.max_ahead), to_us(clock.max_behind))


def read_time(time: bytes | None, timestamp_ms: int, bounds: ClockBounds) -> int:
    """Event time; ``timestamp_ms`` < 0 is a record without a timestamp.

    Raises ``bad_time``, ``missing_time`` or ``time_out_of_range``.
    """
    if time is None:
        if timestamp_ms < 0:
            fail(
                "missing_time",
                "expected a ce_time header or a record timestamp, got neither; send one",
            )
        start_us = timestamp_ms * US_PER_MS
    else:
        try:
            start_us = iso_to_us(time.decode())
        except (ValueError, OverflowError):
            fail(
                "bad_time",
                "expected ce_time in RFC 3339 with an offset (2026-01-31T08:00:00.250Z), "
                f"got {shown(time)}; correct the producer",
            )
    if not 0 <= start_us <= MAX_EVENT_TIME_US:
        came = f"the record timestamp {timestamp_ms} ms" if time is None else shown(time)
        fail(
            "time_out_of_range",
            f"expected an event time from 1970 to 2255, got {came}; set the sensor's clock",
        )
    if time is not None and timestamp_ms >= 0:
        ahead_us = start_us - timestamp_ms * US_PER_MS
        if not -bounds.max_behind_us <= ahead_us <= bounds.max_ahead_us:
            _refuse_clock(ahead_us, bounds)
    return start_us


def _refuse_clock(ahead_us: int, bounds: ClockBounds) -> NoReturn:
    side, most_us = (
        ("ahead of", bounds.max_ahead_us) if ahead_us > 0 else ("behind", bounds.max_behind_us)
    )
    most = format_duration(timedelta(microseconds=most_us))
    fail(
        "time_out_of_range",
        f"expected ce_time at most {most} {side} the record's "
        f"timestamp, got {abs(ahead_us) / 1e6:.3f} s; set the sensor's clock or the "
        "pipeline's clock",
    )


class Content(NamedTuple):
    """A content type that its input accepts, PCM's in full.

    ``lengths_us``: for PCM, how long a payload of so many bytes lasts; else ``None``.
    ``length_us``: for WAV and FLAC, how long a payload lasts; else ``None``.
    """

    content_type: str
    lengths_us: Mapping[int, int] | None = None
    length_us: Callable[[bytes], int] | None = None


def read_content(content_type: str, default: str, modality: Modality) -> Content:
    """What a content type means on an input whose default is ``default``; ``ValueError`` where the
    modality does not have it.
    """
    base = parse_content_type(content_type).base
    accepted = ACCEPTED[modality]
    if base not in accepted:
        raise ValueError(f"expected {' or '.join(sorted(accepted))}")
    if base != PCM:
        return Content(content_type, length_us=_FILES_US.get(base))
    pcm = pcm_format(content_type, default)
    # Chunks come in few sizes.
    return Content(str(pcm), Remembered(pcm.duration_us))


def read_duration(text: bytes) -> int:
    """A sample's length in microseconds; raises ``bad_duration``."""
    if text.isdigit() and len(text) <= 8:
        duration_us = int(text) * US_PER_MS
    elif (matched := _DURATION.fullmatch(text)) is not None:
        duration_us = int(matched[1]) * US_PER_MS + int((matched[2] or b"").ljust(3, b"0"))
    else:
        duration_us = -1
    if not 0 <= duration_us <= MAX_DURATION_US:
        fail(
            "bad_duration",
            "expected ce_duration in milliseconds as decimal text, at most a day, "
            f"got {shown(text)}; correct the producer",
        )
    return duration_us


def read_sequence(text: bytes) -> int:
    """The sensor's own count; raises ``bad_sequence``."""
    if not text.isdigit() or len(text) > 18:
        fail(
            "bad_sequence",
            f"expected ce_sequence as a decimal count, got {shown(text)}; correct the producer",
        )
    return int(text)


def read_id(held: bytes) -> str:
    """The CloudEvents id; raises ``bad_id``."""
    try:
        name = held.decode()
    except UnicodeDecodeError:
        name = ""
    if not name or len(held) > MAX_ID_BYTES or has_control(name):
        fail(
            "bad_id",
            f"expected ce_id as at most {MAX_ID_BYTES} bytes of UTF-8 without control characters, "
            f"got {len(held)} bytes that are not; correct the producer",
        )
    return name


def read_traceparent(text: bytes) -> str | None:
    """W3C trace context, ``None`` where it is not well formed."""
    if len(text) > 256 or _TRACEPARENT.fullmatch(text) is None:
        return None
    return text.decode(errors="replace")
