"""Which detection is which track: gating, then the Hungarian method on what is in doubt."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from workers.vehicle.tracking.detections import Floats, Integers

#: A pair beyond its gate. More than all costs of a session together, so that as many are assigned
#: as can be.
_FORBIDDEN = 1e6


def assign(
    left: Integers, right: Integers, cost: Floats, session: Integers
) -> tuple[Integers, Integers]:
    """One to one, as many pairs as can be, of the least cost in all.

    ``left``, ``right``: rows of the pairs that are within their gate, ``cost`` (n,) from 0 to 10,
    ``session`` (n,) ascending. A pair whose two rows are in no other pair needs no search; what is
    left is solved session by session (Kuhn 1955, as scipy has it). Returns the rows assigned, by
    ascending left row.
    """
    if not len(left):
        return left, right
    lefts = np.bincount(left)[left]
    rights = np.bincount(right)[right]
    alone = (lefts == 1) & (rights == 1)
    chosen = alone.copy()
    doubtful = np.flatnonzero(~alone)
    if len(doubtful):
        starts = np.flatnonzero(np.diff(session[doubtful], prepend=-1))
        for block in np.split(doubtful, starts[1:]):
            chosen[_solve(left, right, cost, block)] = True
    order = np.flatnonzero(chosen)
    order = order[np.argsort(left[order], kind="stable")]
    return left[order], right[order]


def _solve(left: Integers, right: Integers, cost: Floats, block: Integers) -> Integers:
    rows, row = np.unique(left[block], return_inverse=True)
    columns, column = np.unique(right[block], return_inverse=True)
    table = np.full((len(rows), len(columns)), _FORBIDDEN)
    pair = np.full(table.shape, -1)
    table[row, column], pair[row, column] = cost[block], block
    chosen: Integers = pair[linear_sum_assignment(table)]
    return chosen[chosen >= 0]
