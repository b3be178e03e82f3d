"""Reading a sample's attributes, each from its own header, one fact at a time.

A reader returns the value or raises ``Bad`` with the reason; ``schemas.envelope`` puts them
together and adds what else is known of the record.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NoReturn

from schemas.content_type import ACCEPTED, PCM, PcmFormat, parse_content_type, pcm_format, recognise
from schemas.pipeline import ClockSpec, InputSpec
from schemas.sample import Modality
from schemas.units import MAX_EVENT_TIME_US, US_PER_MS, iso_to_us, to_us

SPEC_VERSION = "1.0"
MAX_SESSION_BYTES = 128
#: Ids go into headers and spans again; ours (session, sensor, time, sequence) stay below 230.
MAX_ID_BYTES = 256
#: A chunk, segment or sweep lasts seconds; more than a day is a unit mistaken.
MAX_DURATION_US = 86_400 * 1_000_000

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SENSOR = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DURATION = re.compile(rb"(\d{1,8})(?:\.(\d{1,3})\d*)?")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
SAMPLE_TYPE = {modality: f"sensorium.sample.{modality.value}.v1" for modality in Modality}
SAMPLE_TYPE_BYTES = {modality: name.encode() for modality, name in SAMPLE_TYPE.items()}


class Bad(Exception):
    """One fact about a record is wrong; ``decode_sample`` adds what else is known."""

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


def read_session(key: bytes | None) -> str:
    """The record's key; raises ``missing_session`` or ``bad_session``."""
    if not key:
        fail("missing_session", "expected the session as the record's key, got none; send it")
    session = _session(key)
    if session is None:
        fail(
            "bad_session",
            f"expected the key to be UTF-8 without control characters, at most "
            f"{MAX_SESSION_BYTES} bytes; got {len(key)} bytes that are not; change the key",
        )
    return session


@lru_cache(maxsize=4096)
def _session(key: bytes) -> str | None:
    if len(key) > MAX_SESSION_BYTES:
        return None
    try:
        session = key.decode()
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(session) else session


def check_kind(found: dict[str, bytes], modality: Modality) -> None:
    """Refuse another CloudEvents version or sample type: ``bad_specversion``, ``bad_type``."""
    version = found.get("ce_specversion")
    if version is not None and version != b"1.0":
        fail(
            "bad_specversion",
            f"expected ce_specversion {SPEC_VERSION}, got {shown(version)}; "
            "send CloudEvents 1.0 or leave the ce_ headers out",
        )
    kind = found.get("ce_type")
    # A type of someone else's is fine; one of ours must be the one this input reads.
    if kind is not None and kind != SAMPLE_TYPE_BYTES[modality] and kind.startswith(b"sensorium."):
        fail(
            "bad_type",
            f"expected ce_type {SAMPLE_TYPE[modality]}, got {shown(kind)}; "
            "send the sample to the input of its modality, in this version",
        )


def read_sensor(source: bytes | None, input_name: str, spec: InputSpec) -> str:
    """The sensor that is named, or the input's; raises ``bad_source``."""
    if source is None:
        return spec.sensors[0] if len(spec.sensors) == 1 else input_name
    if _SENSOR.fullmatch(source) is None:
        fail(
            "bad_source",
            "expected ce_source to be a sensor name (letters, digits, '.', '_', '-', at most 64), "
            f"got {shown(source)}; rename the sensor",
        )
    return source.decode()


def read_time(time: bytes | None, timestamp_ms: int, clock: ClockSpec) -> int:
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
        fail("time_out_of_range", "expected an event time from 1970 to 2255; set the clock")
    if time is not None and timestamp_ms >= 0:
        ahead_us = start_us - timestamp_ms * US_PER_MS
        if ahead_us > to_us(clock.max_ahead) or -ahead_us > to_us(clock.max_behind):
            side, most = (
                ("ahead of", clock.max_ahead)
                if ahead_us > 0
                else (
                    "behind",
                    clock.max_behind,
                )
            )
            fail(
                "time_out_of_range",
                f"expected ce_time at most {most} {side} the record's timestamp, got "
                f"{abs(ahead_us) / 1e6:.3f} s; set the sensor's clock or the pipeline's clock",
            )
    return start_us


def read_content(
    found: dict[str, bytes], value: bytes, start_us: int, input_name: str, spec: InputSpec
) -> tuple[str, int]:
    """The content type, PCM's in full, and the end of the sample in microseconds.

    Raises ``unknown_content_type``, ``bad_duration`` or ``time_out_of_range``.
    """
    held = found.get("content-type")
    try:
        default = spec.default_content_type
        if held is None:
            default = recognise(spec.modality, value, default)
        content_type, pcm = _content(held, default, spec.modality)
    except ValueError as error:
        got = "none" if held is None else shown(held)
        fail(
            "unknown_content_type",
            f"{error} on {spec.modality.value} input {input_name!r}, got content-type {got}; "
            "correct the header or the input's content_type",
        )
    duration = found.get("ce_duration") or found.get("duration")
    if duration is not None:
        end_us = start_us + _read_duration(duration)
    elif pcm is not None:
        end_us = start_us + pcm.duration_us(len(value))
    else:
        end_us = start_us
    if end_us > MAX_EVENT_TIME_US:
        fail("time_out_of_range", "expected a sample that ends by 2255; set the sensor's clock")
    return content_type, end_us


@lru_cache(maxsize=512)
def _content(held: bytes | None, default: str, modality: Modality) -> tuple[str, PcmFormat | None]:
    """Few distinct content types come by, so what one means is worked out once."""
    content_type = default if held is None else held.decode(errors="replace")
    base = parse_content_type(content_type).base
    accepted = ACCEPTED[modality]
    if base not in accepted:
        raise ValueError(f"expected {' or '.join(sorted(accepted))}")
    if base != PCM:
        return content_type, None
    pcm = pcm_format(content_type, default)
    return str(pcm), pcm


def _read_duration(text: bytes) -> int:
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


def read_sequence(text: bytes | None) -> int | None:
    """The sensor's own count; raises ``bad_sequence``."""
    if text is None:
        return None
    if not text.isdigit() or len(text) > 18:
        fail(
            "bad_sequence",
            f"expected ce_sequence as a decimal count, got {shown(text)}; correct the producer",
        )
    return int(text)


def read_id(held: bytes | None, topic: str, partition: int, offset: int) -> str:
    """The CloudEvents id, or the record's coordinates; raises ``bad_id``."""
    if not held:
        return f"{topic}-{partition}-{offset}"
    try:
        name = held.decode()
    except UnicodeDecodeError:
        name = ""
    if not name or len(held) > MAX_ID_BYTES or _CONTROL.search(name):
        fail(
            "bad_id",
            f"expected ce_id as at most {MAX_ID_BYTES} bytes of UTF-8 without control characters, "
            f"got {len(held)} bytes that are not; correct the producer",
        )
    return name


def read_traceparent(text: bytes | None) -> str | None:
    """W3C trace context, ``None`` where there is none that is well formed."""
    if text is None or len(text) > 256 or _TRACEPARENT.fullmatch(text) is None:
        return None
    return text.decode(errors="replace")
