"""Time and size literals (``500ms``, ``4MB``) and the event-time unit.

Event time is an ``int`` in microseconds since the Unix epoch (``…_us``): a millisecond is too
coarse to cut audio by sample, and integers compare exactly in Python and, below 2**53 (the year
2255), in Redis.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from schemas.remembered import Remembered

US_PER_MS = 1_000
US_PER_S = 1_000_000

_DURATION_US = {
    "us": 1,
    "ms": US_PER_MS,
    "s": US_PER_S,
    "m": 60 * US_PER_S,
    "h": 3600 * US_PER_S,
    "d": 86400 * US_PER_S,
}
#: A century; beyond it a file has a typing error, and sums of times would leave their range.
_MAX_DURATION_US = 36_500 * _DURATION_US["d"]
_SIZE_BYTES = {"B": 1, "KB": 1_000, "MB": 1_000_000, "KiB": 1 << 10, "MiB": 1 << 20}
_LITERAL = re.compile(r"^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Farthest event time from the epoch, either way: Redis compares numbers as doubles, which are
#: exact below 2**53; the margin leaves room to add a lateness. It lies in the year 2255.
MAX_EVENT_TIME_US = 2**53 - 2**43


def _literal(value: object, table: dict[str, int], what: str, such_as: str) -> float:
    if isinstance(value, str) and (found := _LITERAL.match(value.strip())):
        factor = table.get(found[2])
        if factor is not None:
            return float(found[1]) * factor
    units = ", ".join(table)
    raise ValueError(f"expected {what}: a number and one of {units} (such as {such_as!r})")


def parse_duration(value: object) -> timedelta:
    """``'500ms'`` -> ``timedelta``; a ``timedelta`` passes through.

    >>> parse_duration("1.5s")
    datetime.timedelta(seconds=1, microseconds=500000)
    """
    if isinstance(value, timedelta):
        return value
    us = _literal(value, _DURATION_US, "a duration", "500ms")
    if us > _MAX_DURATION_US:
        raise ValueError("expected a duration of at most 36500d")
    return timedelta(microseconds=us)


def parse_signed_duration(value: object) -> timedelta:
    """``parse_duration`` with a sign allowed.

    >>> parse_signed_duration("-300ms") / timedelta(milliseconds=1)
    -300.0
    """
    if isinstance(value, str) and value.strip().startswith("-"):
        return -parse_duration(value.strip()[1:])
    return parse_duration(value)


def parse_size(value: object) -> int:
    """``'4MB'`` -> bytes; an ``int`` is taken as bytes.

    >>> parse_size("64KiB")
    65536
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return round(_literal(value, _SIZE_BYTES, "a size", "4MB"))


def format_duration(value: timedelta) -> str:
    """The shortest literal that ``parse_duration`` reads back to the same value."""
    us = to_us(value)
    for unit in ("d", "h", "m", "s", "ms"):
        if us and us % _DURATION_US[unit] == 0:
            return f"{us // _DURATION_US[unit]}{unit}"
    return f"{us}us"


def format_signed_duration(value: timedelta) -> str:
    """``format_duration`` with a sign where there is one."""
    return f"-{format_duration(-value)}" if value < timedelta(0) else format_duration(value)


def to_us(value: timedelta) -> int:
    """Whole microseconds of a ``timedelta``."""
    return value // timedelta(microseconds=1)


def time_to_us(value: datetime) -> int:
    """Microseconds since the epoch of an aware ``datetime``."""
    since = value - _EPOCH
    # Exact, like a division of timedeltas, at a third of its cost.
    return (since.days * 86_400 + since.seconds) * US_PER_S + since.microseconds


def us_to_time(event_time_us: int) -> datetime:
    """The aware UTC ``datetime`` of an event time."""
    return _EPOCH + timedelta(microseconds=event_time_us)


def us_to_iso(event_time_us: int) -> str:
    """RFC 3339 with a ``Z``, microseconds only where there are any.

    >>> us_to_iso(1_700_000_000_250_000)
    '2023-11-14T22:13:20.250Z'
    """
    second, rest_us = divmod(event_time_us, US_PER_S)
    whole_ms, beyond_us = divmod(rest_us, US_PER_MS)
    if beyond_us:
        return f"{_SECOND_TEXT[second]}.{rest_us:06d}Z"
    return _SECOND_TEXT[second] + _MS_TEXT[whole_ms]


def _second_text(second: int) -> str:
    return us_to_time(second * US_PER_S).isoformat(timespec="seconds").removesuffix("+00:00")


#: Windows of many sessions begin and end at the same seconds.
_SECOND_TEXT = Remembered(_second_text)
_MS_TEXT = tuple(f".{ms:03d}Z" for ms in range(1_000))


def iso_to_us(text: str) -> int:
    """Microseconds since the epoch of an RFC 3339 time; ``ValueError`` without an offset."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("the time has no offset from UTC (write a trailing 'Z')")
    return time_to_us(time)


_duration_schema = WithJsonSchema(
    {"type": "string", "pattern": r"^\d+(\.\d+)?\s*(us|ms|s|m|h|d)$", "examples": ["500ms", "2s"]}
)
Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    _duration_schema,
]
SignedDuration = Annotated[
    timedelta,
    BeforeValidator(parse_signed_duration),
    PlainSerializer(format_signed_duration, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^-?\d+(\.\d+)?\s*(us|ms|s|m|h|d)$",
            "examples": ["300ms", "-40ms"],
        }
    ),
]
Size = Annotated[int, BeforeValidator(parse_size)]
