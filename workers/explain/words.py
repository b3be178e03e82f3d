"""Numbers and times as people read them."""

from __future__ import annotations

from schemas.units import US_PER_MS, us_to_iso

_S_MS = 1_000.0
_MINUTE_MS = 60 * _S_MS
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS


def number(value: float) -> str:
    """At most one decimal, none where it is whole.

    >>> number(34.0), number(-34.04), number(0.25), number(1_234_567.0)
    ('34', '-34', '0.2', '1234567')
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def lasting(value_ms: float) -> str:
    """A length of time in one or two units.

    >>> lasting(950.0), lasting(2_500.0), lasting(200_000.0), lasting(7_380_000.0)
    ('950 ms', '2.5 s', '3 min 20 s', '2 h 3 min')
    """
    if value_ms < _S_MS:
        return f"{number(value_ms)} ms"
    if value_ms < _MINUTE_MS:
        return f"{number(value_ms / _S_MS)} s"
    if value_ms < _HOUR_MS:
        large, unit, small, rest = _MINUTE_MS, "min", _S_MS, "s"
    elif value_ms < _DAY_MS:
        large, unit, small, rest = _HOUR_MS, "h", _MINUTE_MS, "min"
    else:
        large, unit, small, rest = _DAY_MS, "d", _HOUR_MS, "h"
    whole, over_ms = divmod(value_ms, large)
    text = f"{whole:.0f} {unit}"
    return f"{text} {over_ms // small:.0f} {rest}" if over_ms >= small else text


def signed(value: float) -> str:
    """A number with its sign.

    >>> signed(40.0), signed(-34.0)
    ('+40', '-34')
    """
    return number(value) if value <= 0 else f"+{number(value)}"


def counted(count: int, noun: str) -> str:
    """A number and its noun.

    >>> counted(1, "sample"), counted(3, "sample")
    ('1 sample', '3 samples')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listed(names: list[str]) -> str:
    """Names as one text.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def range_ms(values_ms: list[float]) -> str:
    """The least and the most of some lengths of time.

    >>> range_ms([120.0, 480.0, 130.0]), range_ms([34.0])
    ('120 to 480 ms', '34 ms')
    """
    least, most = number(min(values_ms)), number(max(values_ms))
    return f"{least} ms" if least == most else f"{least} to {most} ms"


def span_text(start_us: int, end_us: int) -> str:
    """A window: its start, its end's time of day, its length.

    >>> span_text(1_700_000_000_000_000, 1_700_000_002_000_000)
    '2023-11-14T22:13:20.000Z to 22:13:22.000Z (2 s)'
    """
    end = us_to_iso(end_us)
    same_day = us_to_iso(start_us)[:11] == end[:11]
    length = lasting((end_us - start_us) / US_PER_MS)
    return f"{us_to_iso(start_us)} to {end[11:] if same_day else end} ({length})"


def plain(text: str) -> str:
    """The text without control characters: it may come from anyone's headers."""
    return "".join(char if char.isprintable() else "?" for char in text)
