"""The window as a picture: one line per sensor over event time. Pure; readable without colour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.text import Text

from schemas.units import US_PER_MS
from workers.explain.model import Explanation, Kind, SampleMark, Span
from workers.explain.words import number

#: Columns of a line: the label, a space, the picture.
LABEL_COLUMNS = 20
PICTURE_COLUMNS = 78

#: Distances between two numbers on the axis, ms: so many times a power of ten.
_STEPS = (1, 2, 5)
#: Columns that a number on the axis needs, with what keeps it from the next.
_NUMBER_COLUMNS = 10


@dataclass(frozen=True, slots=True)
class Look:
    """How a kind of sample is drawn: a moment, the rest of an interval, in colour, in words."""

    tick: str
    bar: str
    style: str
    words: str


#: In the order in which one gives way to the next where both fall into one column.
LOOKS: dict[Kind, Look] = {
    "other": Look("·", "─", "dim", "other window"),
    "unused": Look("╎", "░", "yellow", "not used"),
    "used": Look("┃", "█", "green", "used"),
    "late": Look("L", "l", "magenta", "late"),
    "invalid": Look("X", "x", "red", "invalid"),
}
_LEGEND: tuple[Kind, ...] = ("used", "unused", "late", "invalid", "other")
_EDGE = "│"


@dataclass(frozen=True, slots=True)
class Scale:
    """Event time to columns of the picture."""

    view: Span
    columns: int = PICTURE_COLUMNS

    @property
    def column_us(self) -> float:
        """Event time that one column stands for."""
        return (self.view.end_us - self.view.start_us) / self.columns

    def column(self, at_us: int) -> int:
        """The column that holds a moment; outside the picture for one outside the view."""
        return ((at_us - self.view.start_us) * self.columns) // (
            self.view.end_us - self.view.start_us
        )

    def clipped(self, at_us: int) -> int:
        """The column that holds a moment, or the nearest that there is."""
        return min(self.columns - 1, max(0, self.column(at_us)))


def timeline(explanation: Explanation) -> list[Text]:
    """The lines of the picture, with its head, axis and legend."""
    scale = Scale(explanation.view)
    window = explanation.window
    lines = [
        Text(
            f"{'ms from the start':<{LABEL_COLUMNS}} "
            f"one column is {number(round(scale.column_us / US_PER_MS, 1))} ms"
        ),
        _axis(window, scale),
    ]
    for label, span in (
        ("previous window", explanation.previous),
        ("this window", window),
        ("next window", explanation.next),
    ):
        if span is not None and _in_view(span, explanation.view):
            lines.append(_line(label, _bracket(span, scale), "dim" if span != window else ""))
    lines += [_lane(name, explanation, scale) for name in _lanes(explanation)]
    lines += [
        _pointer("reference", at_us, ", ".join(names), scale)
        for at_us, names in _references(explanation)
    ]
    if explanation.closing.watermark_us is not None:
        at_us = explanation.closing.watermark_us
        lines.append(_pointer("watermark", at_us, _from_start(at_us, window), scale))
    lines.append(_legend({mark.kind for mark in explanation.samples}))
    return lines


def _lanes(explanation: Explanation) -> list[str]:
    """The result's sensors, then others that left something here."""
    names = dict.fromkeys(sensor.name for sensor in explanation.sensors)
    names.update(dict.fromkeys(mark.sensor for mark in explanation.samples))
    return list(names)


def _lane(name: str, explanation: Explanation, scale: Scale) -> Text:
    cells: list[tuple[str, str]] = [(" ", "")] * scale.columns
    for edge_us in (explanation.window.start_us, explanation.window.end_us):
        cells[scale.clipped(edge_us)] = (_EDGE, "dim")
    mine = [mark for mark in explanation.samples if mark.sensor == name]
    for kind, look in LOOKS.items():
        for mark in (mark for mark in mine if mark.kind == kind):
            for column, cell in _drawn(mark, look, scale):
                cells[column] = (cell, look.style)
    line = Text(f"{_fitted(name):<{LABEL_COLUMNS}} ", no_wrap=True)
    for cell, style in cells:
        line.append(cell, style)
    line.rstrip()
    return line


def _drawn(mark: SampleMark, look: Look, scale: Scale) -> Iterator[tuple[int, str]]:
    """Columns and characters of one sample; an arrow where it lies outside the view."""
    first = scale.column(mark.start_us)
    # The end is exclusive: what ends on a column's edge does not reach into it.
    last = max(first, scale.column(mark.end_us - 1)) if mark.end_us > mark.start_us else first
    if last < 0 or first >= scale.columns:
        yield (0, "◄") if last < 0 else (scale.columns - 1, "►")
        return
    for column in range(max(first, 0), min(last, scale.columns - 1) + 1):
        yield column, look.tick if column == first else look.bar


def _bracket(span: Span, scale: Scale) -> str:
    first, last = scale.column(span.start_us), scale.column(span.end_us - 1)
    cells = [" "] * scale.columns
    for column in range(max(0, first), min(last, scale.columns - 1) + 1):
        cells[column] = "├" if column == first else "┤" if column == last else "─"
    return "".join(cells)


def _in_view(span: Span, view: Span) -> bool:
    return span.start_us < view.end_us and span.end_us > view.start_us


def _references(explanation: Explanation) -> list[tuple[int, list[str]]]:
    """Each moment that ``nearest`` looked for, and for which sensors."""
    found: dict[int, list[str]] = {}
    for sensor in explanation.sensors:
        if sensor.reference_us is not None:
            found.setdefault(sensor.reference_us, []).append(sensor.name)
    return sorted(found.items())


def _pointer(label: str, at_us: int, said: str, scale: Scale) -> Text:
    """A line that points to one moment, with words on the side that has more room."""
    column = scale.column(at_us)
    mark = "◄" if column < 0 else "►" if column >= scale.columns else "▲"
    column = scale.clipped(at_us)
    room = max(column, scale.columns - column - 1) - 1
    said = said if len(said) <= room else said[: room - 1] + "…"
    if column < scale.columns // 2:
        return _line(label, " " * column + f"{mark} {said}", "cyan")
    return _line(label, f"{said} {mark}".rjust(column + 1), "cyan")


def _from_start(at_us: int, window: Span) -> str:
    return f"{number((at_us - window.start_us) / US_PER_MS)} ms"


def _axis(window: Span, scale: Scale) -> Text:
    step_us = _step_ms(scale) * US_PER_MS
    cells = [" "] * scale.columns
    first = -((window.start_us - scale.view.start_us) // step_us)
    last = (scale.view.end_us - window.start_us) // step_us
    for count in range(first, last + 1):
        text = number(count * step_us / US_PER_MS)
        column = scale.column(window.start_us + count * step_us)
        if column + len(text) <= scale.columns:
            cells[column : column + len(text)] = text
    return _line("", "".join(cells), "dim")


def _step_ms(scale: Scale) -> int:
    least_ms = scale.column_us * _NUMBER_COLUMNS / US_PER_MS
    power = 1
    while True:
        for step in _STEPS:
            if step * power >= least_ms:
                return step * power
        power *= 10


def _legend(kinds: Iterable[Kind]) -> Text:
    present = set(kinds)
    line = Text(" " * (LABEL_COLUMNS + 1), no_wrap=True)
    for kind in _LEGEND:
        if kind in present:
            look = LOOKS[kind]
            line.append(f"{look.tick}{look.bar}", look.style).append(f" {look.words}   ")
    return line.append(_EDGE, "dim").append(" bounds")


def _line(label: str, picture: str, style: str) -> Text:
    line = Text(f"{label:<{LABEL_COLUMNS}} ", no_wrap=True)
    return line.append(picture.rstrip(), style)


def _fitted(name: str) -> str:
    """The label in its columns; of a longer one the end, which tells sensors apart."""
    return name if len(name) <= LABEL_COLUMNS else "…" + name[1 - LABEL_COLUMNS :]
