"""What `evaluate` shows: bars while it runs, then the figures and what they rest on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from workers.cli.output import is_terminal, print_json, print_table, print_text

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from workers.recipes.base import Evaluation, Figure, Progress, StreamEquality, Table


class _Silent:
    """Nobody watches."""

    @contextmanager
    def track(self, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """See ``workers.recipes.base.Progress.track``."""
        del what, total
        yield lambda steps: None


class _Bars:
    """Bars below each other; one is gone when its block ends."""

    def __init__(self, bars: RichProgress) -> None:
        self._bars = bars

    def track(
        self, what: str, total: int | None = None
    ) -> AbstractContextManager[Callable[[int], None]]:
        """See ``workers.recipes.base.Progress.track``."""
        return self._track(what, total)

    @contextmanager
    def _track(self, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
        task = self._bars.add_task(what, total=total)
        try:
            yield lambda steps: self._bars.advance(task, steps)
        finally:
            self._bars.remove_task(task)


@contextmanager
def progress_bars(*, shown: bool) -> Iterator[Progress]:
    """Bars on standard error for whoever watches it; nothing where nobody does."""
    if not (shown and is_terminal(sys.stderr)):
        yield _Silent()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    with RichProgress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bars:
        yield _Bars(bars)


def show(found: Evaluation, *, json: bool) -> None:
    """Print an evaluation: one JSON object, or tables."""
    if json:
        print_json(as_json(found))
        return
    print_table(
        ["figure", "value", "±", "95 % interval", "items", "runs", "claimed", ""],
        [_row(figure) for figure in found.figures],
        title=f"{found.recipe}: {found.claim}",
    )
    for table in found.tables:
        _show_table(table)
    for chart in found.charts:
        print_table(
            ["", chart.metric, "±", "95 % interval"],
            [
                [bar.name, f"{bar.value:.4f}", _number(bar.deviation), _interval(bar.interval)]
                for bar in chart.bars
            ],
            title=chart.title,
        )
    if found.stream:
        print_table(
            ["in the stream", "items", "equal", "missing", "doubled", "unequal", "unexpected"],
            [_stream_row(one) for one in found.stream],
            title="The stream's answers against the offline ones, item by item",
        )
    print_text(f"Split: {found.split}\nData: {found.origin}\nLicence: {found.licence}")
    for note in found.notes:
        print_text(f"Note: {note}")


def as_json(found: Evaluation) -> dict[str, object]:
    """All but the single answers."""
    return {
        "recipe": found.recipe,
        "claim": found.claim,
        "figures": [
            {
                "name": figure.name,
                "value": figure.value,
                "deviation": figure.deviation,
                "interval": figure.interval,
                "items": figure.count,
                "repetitions": figure.repetitions,
                "goal": figure.goal,
                "met": figure.met,
                "note": figure.note,
            }
            for figure in found.figures
        ],
        "split": found.split,
        "origin": found.origin,
        "licence": found.licence,
        "notes": list(found.notes),
        "tables": list(found.tables),
        "charts": list(found.charts),
        "stream": list(found.stream),
    }


def _row(figure: Figure) -> list[str]:
    met = {True: "met", False: "NOT MET", None: ""}[figure.met]
    return [
        figure.name,
        f"{figure.value:.4f}",
        _number(figure.deviation),
        _interval(figure.interval),
        str(figure.count or ""),
        str(figure.repetitions),
        "" if figure.goal is None else f"> {figure.goal:g}",
        met,
    ]


def _stream_row(one: StreamEquality) -> list[str]:
    counts = (one.items, one.equal, one.missing, one.doubled, one.unequal, one.unexpected)
    return [one.model, *map(str, counts)]


def _show_table(table: Table) -> None:
    print_table(list(table.columns), table.rows, title=table.title)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}"
