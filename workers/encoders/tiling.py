"""Running a network in batches whose shapes make no difference to any item's output.

An item's output has to be the same to the last bit whatever else is in the batch. Rounding alone
could not promise that, since any two different floats can lie on either side of a rounding
boundary. Rows do not mix, but the kernels that a network is run by are chosen by the batch's
shape, and their sums differ in the last bits. So items are grouped by size class, which depends on
the item alone, and run in heights that were found to give the same bits: see
``workers.backends.heights``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

Item = TypeVar("Item")
Class = TypeVar("Class", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Heights:
    """``rows``: numbers of rows, ascending, that may be run at once. ``spare``: how many rows of
    padding cost as much as another run.
    """

    rows: tuple[int, ...]
    spare: int


@dataclass(frozen=True, slots=True)
class Tile(Generic[Class]):
    """Positions of items of one class that are run at once, as ``rows`` rows: the last
    ``rows - len(positions)`` are padding.
    """

    size_class: Class
    positions: Sequence[int]
    rows: int


@lru_cache(maxsize=8_192)
def split(count: int, heights: Heights) -> tuple[int, ...]:
    """Heights of the runs that take ``count`` rows for the least: each run costs as much as
    ``spare`` rows.

    >>> split(63, Heights((4, 16, 64), spare=8))
    (64,)
    >>> split(17, Heights((4, 16, 64), spare=8))
    (16, 4)
    """
    tallest = heights.rows[-1]
    whole, rest = divmod(count, tallest)
    # cost and first height of the cheapest way to run so many rows
    best: list[tuple[int, int]] = [(0, 0)]
    for rows in range(1, rest + 1):
        best.append(min((heights.spare + h + best[max(0, rows - h)][0], -h) for h in heights.rows))
    taken = []
    while rest > 0:
        taken.append(-best[rest][1])
        rest -= taken[-1]
    return (tallest,) * whole + tuple(sorted(taken, reverse=True))


def by_class(items: Sequence[Item], class_of: Callable[[Item], Class]) -> dict[Class, list[int]]:
    """Positions of the items of each class, in the order in which classes turn up.

    >>> by_class("aabab", str)
    {'a': [0, 1, 3], 'b': [2, 4]}
    """
    groups: dict[Class, list[int]] = {}
    for position, item in enumerate(items):
        groups.setdefault(class_of(item), []).append(position)
    return groups


def tiles(
    items: Sequence[Item],
    class_of: Callable[[Item], Class],
    heights_of: Callable[[Class], Heights],
) -> Iterator[Tile[Class]]:
    """Partition positions 0..n-1 into tiles of one class.

    >>> [(t.size_class, t.positions, t.rows) for t in tiles(
    ...     "aabab", lambda c: c, lambda c: Heights((2,), 1))]
    [('a', [0, 1], 2), ('a', [3], 2), ('b', [2, 4], 2)]
    """
    for key, positions in by_class(items, class_of).items():
        start = 0
        for rows in split(len(positions), heights_of(key)):
            yield Tile(key, positions[start : start + rows], rows)
            start += rows
