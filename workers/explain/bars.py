"""What an answer rests on, as bars in a terminal. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from rich import box
from rich.table import Table
from rich.text import Text

from schemas.contributions import Contribution, TaskContributions
from workers.explain.words import plain

_COLUMNS = 40
#: Eighths of a block, from none.
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


def bars(
    task: str,
    found: TaskContributions,
    probability: float,
    attention: Mapping[str, float],
    modality_of: Mapping[str, str],
) -> Table:
    """Each modality's share of a task's answer, and each sensor's where a modality has several.

    ``probability``: of the label. ``attention``: the model's own shares, by modality.
    ``modality_of``: sensor -> modality.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    title = Text(f"{plain(task)}: {plain(found.label)} {probability:.1%}")
    table.add_column(title, no_wrap=True, max_width=30, overflow="ellipsis")
    table.add_column("share, by leaving it out", width=_COLUMNS, no_wrap=True)
    for name in ("", "without it", "attention"):
        table.add_column(name, justify="right", no_wrap=True)
    for modality, one in found.modalities.items():
        own = attention.get(modality)
        _row(table, modality, one, probability, "" if own is None else f"{own:.0%}")
        sensors = [name for name in found.sensors if modality_of.get(name) == modality]
        if len(sensors) > 1:
            for name in sensors:
                _row(table, f"  {name}", found.sensors[name], probability, "")
    return table


def _row(table: Table, name: str, one: Contribution, probability: float, attention: str) -> None:
    without = min(1.0, max(0.0, probability - one.drop))
    table.add_row(
        Text(plain(name)), Text(bar(one.share), "green"), f"{one.share:.0%}", f"{without:.1%}",
        attention,
    )  # fmt: skip


def bar(share: float, columns: int = _COLUMNS) -> str:
    """A bar of eighths of a column.

    >>> bar(0.5, 8), bar(0.0, 8), bar(0.1875, 8)
    ('████', '', '█▌')
    """
    whole, rest = divmod(round(share * columns * 8), 8)
    return "█" * whole + _EIGHTHS[rest]
