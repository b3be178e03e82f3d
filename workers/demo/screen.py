"""What the demo shows while it runs: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self, TextIO

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from schemas.result import Result
from schemas.units import iso_to_us
from workers.demo.tally import Summary, Tally

#: Seconds between two lines about a pipeline where nobody sees them move.
_LINE_EVERY_S = 4.0
#: Sessions of a pipeline whose newest window is shown; more would not fit a screen.
_SESSIONS_SHOWN = 3
_MARKS = {True: "right", False: "WRONG", None: "no truth"}
_STYLES = {True: "green", False: "red", None: ""}


def said_and_true(tally: Tally, result: Result) -> str:
    """The newest labels beside the truth: ``sentiment: negative 97% (true: negative)``."""
    truth = tally.truth.get((result.session, iso_to_us(result.window.start)), {})
    return ", ".join(
        f"{task}: {answer.label} {answer.probabilities[answer.label]:.0%}"
        + (f" (true: {truth[task]})" if task in truth else "")
        for task, answer in result.tasks.items()
    )


class PlainView:
    """Lines on a stream."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now = now
        self._due_s = 0.0
        self._said: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def phase(self, text: str) -> None:
        """One line."""
        self._write(text)

    def update(self, tallies: Sequence[Tally]) -> None:
        """A line for each pipeline that has moved, every few seconds."""
        if self._now() < self._due_s:
            return
        self._due_s = self._now() + _LINE_EVERY_S
        for tally in tallies:
            line = (
                f"{tally.pipeline}: {tally.samples_fed}/{tally.samples_expected} samples fed, "
                f"{tally.finals}/{len(tally.truth)} results, "
                f"{tally.opened} events opened, {tally.closed} closed"
            )
            if tally.newest:
                result = max(tally.newest.values(), key=lambda one: one.window.end)
                line += f"; {result.session} {said_and_true(tally, result)}"
            if tally.samples_fed and self._said.get(tally.pipeline) != line:
                self._said[tally.pipeline] = line
                self._write(line)

    def _write(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


class LiveView:
    """A table that moves."""

    def __init__(self, stream: TextIO) -> None:
        self._live = Live(console=Console(file=stream), refresh_per_second=8)
        self._phase = ""
        self._tallies: Sequence[Tally] = ()

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def phase(self, text: str) -> None:
        """The table's title."""
        self._phase = text
        self._live.update(self._table())

    def update(self, tallies: Sequence[Tally]) -> None:
        """Draw the table anew."""
        self._tallies = tallies
        self._live.update(self._table())

    def _table(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, expand=True, title=self._phase, title_justify="left")
        for column, ratio in (
            ("pipeline", 2),
            ("samples fed", 2),
            ("results", 2),
            ("newest window", 8),
            ("events", 4),
        ):
            table.add_column(column, ratio=ratio)
        for tally in self._tallies:
            table.add_row(
                tally.pipeline,
                f"{tally.samples_fed}/{tally.samples_expected}",
                f"{tally.finals}/{len(tally.truth)}",
                Text("\n").join(_newest(tally)),
                Text(_events(tally)),
            )
        return table


def _newest(tally: Tally) -> list[Text]:
    lines = []
    for session in sorted(tally.newest)[:_SESSIONS_SHOWN]:
        result = tally.newest[session]
        right = tally.is_right(result)
        said = f"{session} {_MARKS[right]}: {said_and_true(tally, result)}"
        lines.append(Text(said, style=_STYLES[right]))
    return lines or [Text("none yet")]


def _events(tally: Tally) -> str:
    changes = [f"{one.session} {one.name} {one.action}" for one in tally.recent_events]
    return "\n".join([f"{tally.opened} opened, {tally.closed} closed", *changes])


SUMMARY_COLUMNS = (
    "pipeline",
    "samples fed",
    "windows",
    "final results",
    "missing",
    "twice",
    "right",
    "latency p50",
    "p99",
    "dead letters",
)


def summary_row(summary: Summary) -> list[str]:
    """One pipeline's run as a row of ``SUMMARY_COLUMNS``."""
    accuracy = "no labels" if summary.accuracy is None else f"{summary.accuracy:.1%}"
    return [
        summary.pipeline,
        str(summary.samples_fed),
        str(summary.windows_expected),
        str(summary.results_final),
        str(summary.results_missing),
        str(summary.results_duplicated),
        f"{accuracy} of {summary.windows_labelled}",
        _ms(summary.latency_ms.p50),
        _ms(summary.latency_ms.p99),
        str(summary.dead_letters),
    ]


def _ms(value: float | None) -> str:
    return "none" if value is None else f"{value:.0f} ms"
