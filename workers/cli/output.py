"""Standard output: tables for people, JSON lines for machines."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO


def print_text(text: str) -> None:
    """One text on standard output, flushed: its reader may be a pipe."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


def print_json(value: Any) -> None:
    """One JSON object on a line of its own; msgspec structs and plain containers."""
    import msgspec

    print_text(msgspec.json.encode(value).decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """A table on standard output; whatever stands in a cell is taken as plain text."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, title=title or None, title_justify="left", box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    # A terminal's width is known; a file or pipe has none, and gets the table whole.
    Console(file=sys.stdout, width=None if is_terminal(sys.stdout) else 200).print(table)


def is_terminal(stream: TextIO) -> bool:
    """Whether someone sees the stream live."""
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False
