"""What `results` and `events` share: filtering, limits, and rows that stay in view."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar

import typer

from workers.cli.failures import WorkFailed
from workers.cli.output import is_terminal, print_text

if TYPE_CHECKING:
    from rich.table import Table

SessionsOption = Annotated[
    list[str] | None, typer.Option("--session", help="Only this session; may be repeated.")
]
BeginningOption = Annotated[
    bool, typer.Option("--from-beginning", help="All there is on the topic, not only what comes.")
]
LimitOption = Annotated[int | None, typer.Option(min=1, help="End after so many.")]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        min=0.1,
        metavar="SECONDS",
        help="End when nothing came for so long; a failure where --limit is not reached.",
    ),
]
GroupOption = Annotated[
    str | None,
    typer.Option(help="Consumer group: share the topic with its members, go on where it was."),
]

#: Lines of a terminal that are not rows of the table: its head, foot and the prompt.
_FRAME_LINES = 6


class _OfSession(Protocol):
    @property
    def session(self) -> str: ...


T = TypeVar("T", bound=_OfSession)


async def watch(
    items: AsyncGenerator[T, None],
    show: Callable[[T], None],
    *,
    sessions: Collection[str],
    limit: int | None,
    timeout_s: float | None,
) -> None:
    """Show items until the limit, silence for ``timeout_s``, or Ctrl-C.

    Raises ``WorkFailed`` where it fell silent before the limit.
    """
    shown = 0
    async with aclosing(items):
        deadline = _after(timeout_s)
        while limit is None or shown < limit:
            try:
                async with asyncio.timeout_at(deadline):
                    item = await anext(items)
            except TimeoutError:
                if limit is None:
                    return
                raise WorkFailed(
                    f"expected {limit}, got {shown} when nothing came for {timeout_s:g} s"
                ) from None
            if sessions and item.session not in sessions:
                continue
            show(item)
            shown += 1
            deadline = _after(timeout_s)


def _after(timeout_s: float | None) -> float | None:
    return None if timeout_s is None else asyncio.get_running_loop().time() + timeout_s


Row = Sequence[str]


@contextmanager
def rows_in_view(columns: Sequence[str]) -> Iterator[Callable[[Row], None]]:
    """Give a function that shows a row: in a live table of the newest, or as a line in a pipe."""
    if not is_terminal(sys.stdout):
        print_text("\t".join(columns))
        yield lambda row: print_text("\t".join(row))
        return
    from rich.console import Console
    from rich.live import Live

    console = Console()
    rows: deque[Row] = deque(maxlen=max(5, console.size.height - _FRAME_LINES))
    with Live(console=console, refresh_per_second=8) as live:

        def add(row: Row) -> None:
            rows.append(row)
            live.update(_table(columns, rows))

        live.update(_table(columns, rows))
        yield add


def _table(columns: Sequence[str], rows: Collection[Row]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=box.SIMPLE_HEAD, expand=True)
    for row in rows:
        table.add_row(*(Text(cell, no_wrap=True, overflow="ellipsis") for cell in row))
    return table
