"""Which window is meant: its start, a result's id, or the newest."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from schemas.units import MAX_EVENT_TIME_US, US_PER_MS, iso_to_us

#: Epoch numbers below it are milliseconds (until the year 5138), others microseconds (from 1973).
_FIRST_MICROSECONDS = 10**14


@dataclass(frozen=True, slots=True)
class ByStart:
    """The window that begins at this event time."""

    start_us: int


@dataclass(frozen=True, slots=True)
class ById:
    """The window that has a result of this id."""

    result_id: str


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest window of the session that has a result."""


Selector = ByStart | ById | Newest


def parse_selector(text: str) -> Selector:
    """What the user wrote as WINDOW; raises ``ValueError`` that says expected and got.

    >>> parse_selector("2026-03-01T12:00:02Z") == parse_selector("1772366402000")
    True
    >>> parse_selector("last")
    Newest()
    """
    text = text.strip()
    if text == "last":
        return Newest()
    if text.isascii() and text.isdigit():
        number = int(text)
        start_us = number * US_PER_MS if number < _FIRST_MICROSECONDS else number
        if start_us <= MAX_EVENT_TIME_US:
            return ByStart(start_us)
    try:
        return ById(str(uuid.UUID(text))) if len(text) == 36 else ByStart(iso_to_us(text))
    except (ValueError, OverflowError):
        raise ValueError(
            "expected 'last', a result's id, or the window's start as RFC 3339 with an offset "
            f"(2026-03-01T12:00:02Z) or as epoch milliseconds or microseconds, got {text!r}"
        ) from None
