"""Times as recordings write them: columns in any unit, ISO text, lists of timestamps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from schemas.units import MAX_EVENT_TIME_US, time_to_us
from streams.errors import FeedError
from streams.feed.track import Clock, read_text

_UNIT_US = {
    "ns": Decimal("0.001"),
    "us": Decimal(1),
    "ms": Decimal(1_000),
    "s": Decimal(1_000_000),
    "min": Decimal(60_000_000),
    "h": Decimal(3_600_000_000),
}
_SPELLED = {
    "sec": "s",
    "secs": "s",
    "second": "s",
    "seconds": "s",
    "minute": "min",
    "minutes": "min",
    "hour": "h",
    "hours": "h",
    "msec": "ms",
    "millis": "ms",
    "usec": "us",
    "micros": "us",
    "nanos": "ns",
}
_STEMS = frozenset({"time", "timestamp", "t", "ts", "datetime", "date", "epoch", "elapsed"})

_CLOCK = re.compile(r"^(?:(\d{1,4}):)?(\d{1,2}):(\d{2})(?:[.,](\d{1,6}))?$")

#: A number of a column without a unit is seconds since 1970 from here on (March 1973), then
#: milliseconds, microseconds and nanoseconds, each a thousandfold; below it is relative seconds.
_EPOCH_FROM_S = Decimal(100_000_000)
#: The year 9999 in nanoseconds has 21 digits.
_MOST_DIGITS = 21
#: Smallest epoch time, in microseconds, whatever the unit: no recording lasts three years.
EPOCH_FROM_US = 100_000_000_000_000


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """How to read one column of times.

    ``unit_us``: microseconds a unit; ``None`` for text: ISO on an epoch clock, else ``h:mm:ss``.
    ``with_offset``: whether the first ISO time says its offset from UTC, and so all have to.
    """

    name: str
    unit_us: Decimal | None
    clock: Clock
    with_offset: bool = False

    def read(self, text: str) -> int:
        """Microseconds of one cell; ``ValueError`` where it is not what the first one was."""
        if self.unit_us is not None:
            return _to_us(_number(text), self.unit_us)
        if self.clock == "relative":
            return read_clock(text)
        time_us = read_iso(text)
        # A time without one is taken as UTC: beside others it would be off by hours, unnoticed.
        if has_offset(text) != self.with_offset:
            got, first = ("none", "one") if self.with_offset else ("one", "none")
            raise ValueError(
                f"expected an offset from UTC in every time or in none, got {got} in "
                f"{text.strip()[:40]!r} and {first} in the first"
            )
        return time_us


def read_iso(text: str) -> int:
    """Microseconds since 1970 of ISO 8601 text; a time without an offset is taken as UTC.

    >>> read_iso("2011-09-26 13:02:44.321000000")
    1317042164321000
    """
    time = datetime.fromisoformat(text.strip())
    return time_to_us(time if time.tzinfo else time.replace(tzinfo=UTC))


def has_offset(text: str) -> bool:
    """Whether ISO 8601 text says its offset from UTC.

    >>> [has_offset(t) for t in ("2026-01-31T08:00:00Z", "2026-01-31 08:00:00")]
    [True, False]
    """
    return datetime.fromisoformat(text.strip()).tzinfo is not None


def read_clock(text: str) -> int:
    """Microseconds from zero of ``h:mm:ss``, ``mm:ss.mmm`` or ``h:mm:ss,mmm``.

    >>> read_clock("0:01:02,5")
    62500000
    """
    found = _CLOCK.match(text.strip())
    if found is None:
        raise ValueError("expected a time h:mm:ss")
    hours, minutes, seconds, fraction = found.groups()
    whole_s = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
    return whole_s * 1_000_000 + int((fraction or "").ljust(6, "0"))


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError("expected a number") from None
    if not value.is_finite():
        raise ValueError("expected a finite number")
    return value


def _to_us(value: Decimal, unit_us: Decimal) -> int:
    # Looked at first: a product of ten to the million raises an error of its own.
    if value.adjusted() <= _MOST_DIGITS:
        time_us = int((value * unit_us).to_integral_value())
        if 0 <= time_us <= MAX_EVENT_TIME_US:
            return time_us
    raise ValueError("expected a time from 0 on and before the year 9999")


def _split(name: str) -> tuple[str, str | None]:
    """A column name's words without its unit, and the unit: ``time (min)`` -> time, min."""
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
    if words:
        unit = _SPELLED.get(words[-1], words[-1])
        if unit in _UNIT_US:
            return "_".join(words[:-1]), unit
    return "_".join(words), None


def is_time_name(name: str) -> bool:
    """Whether a column's name says that it holds times.

    >>> [is_time_name(n) for n in ("nominal_time_s", "Time (min)", "seconds", "hr", "rates")]
    [True, True, True, False, False]
    """
    stem, unit = _split(name)
    words = stem.split("_")
    return bool(_STEMS.intersection(words)) or (stem == "" and unit is not None)


def column_for(name: str, first: str) -> TimeColumn:
    """How to read the column ``name`` whose first cell is ``first``.

    The unit is the name's (``_s``, ``_ms``, ``_us``, ``_min``, …); without one, text is ISO or
    ``h:mm:ss``, and a number is seconds, or an epoch time in whatever unit its size tells. Raises
    ``ValueError``.
    """
    _, unit = _split(name)
    try:
        value = _number(first)
    except ValueError:
        if _CLOCK.match(first.strip()):
            return TimeColumn(name, None, "relative")
        try:
            read_iso(first)
        except ValueError:
            raise ValueError(
                f"expected column {name!r} to hold numbers, h:mm:ss or ISO 8601 times, "
                f"got {first[:32]!r}"
            ) from None
        return TimeColumn(name, None, "epoch", has_offset(first))
    if unit is None:
        unit = "s"
        for larger, thousandfold in (("ms", 1), ("us", 2), ("ns", 3)):
            if value >= _EPOCH_FROM_S * 1000**thousandfold:
                unit = larger
    unit_us = _UNIT_US[unit]
    clock: Clock = "epoch" if _to_us(value, unit_us) >= EPOCH_FROM_US else "relative"
    return TimeColumn(name, unit_us, clock)


def find_time_column(names: Iterable[str], first_row: Mapping[str, str]) -> TimeColumn | None:
    """The first column whose name says time; ``None`` where there is none."""
    for name in names:
        if is_time_name(name):
            return column_for(name, first_row.get(name) or "")
    return None


def read_timestamps(path: Path) -> list[int]:
    """Microseconds since 1970 of a ``timestamps.txt`` as KITTI raw has it: an ISO time a line."""
    times = []
    for line, text in enumerate(read_text(path).splitlines(), start=1):
        try:
            times.append(read_iso(text))
        except ValueError:
            raise FeedError(
                f"{path}:{line}: expected an ISO 8601 time, got {text[:40]!r}; correct the line"
            ) from None
    return times
