"""Returns that belong together: connected cells of a grid over the road.

Euclidean clustering (R. B. Rusu, *Semantic 3D object maps*, 2009) on a grid, as K. Klasing et al.
(ICRA 2008) do for speed: two returns belong together if a chain of occupied cells joins them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float64]

#: A cell touches all eight around it.
_EIGHT = np.ones((3, 3), np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRules:
    """``cell_m``: returns nearer than this always belong together, and from twice this on never.
    ``least_points``: a smaller cluster is left out. Only returns within ``max_range_m`` count.
    """

    cell_m: float = 0.3
    least_points: int = 8
    max_range_m: float = 75.0
    #: Returns so far above the ground are of trees, signs and bridges.
    max_height_m: float = 4.5


def clusters(points: Floats, rules: ClusterRules) -> list[NDArray[np.int64]]:
    """Indices of each cluster's points, ascending, clusters ordered by their first point.

    ``points``: float64 (n, 3) without the ground.
    """
    half = int(np.ceil(rules.max_range_m / rules.cell_m))
    cells = np.floor(points[:, :2] / rules.cell_m).astype(np.int64) + half
    inside = np.flatnonzero(((cells >= 0) & (cells < 2 * half)).all(axis=1))
    grid = np.zeros((2 * half, 2 * half), np.bool_)
    grid[cells[inside, 0], cells[inside, 1]] = True
    labels, count = ndimage.label(grid, _EIGHT)
    owner = labels[cells[inside, 0], cells[inside, 1]]
    order = np.argsort(owner, kind="stable")
    ends = np.searchsorted(owner[order], np.arange(1, count + 2))
    groups = [inside[order[first:end]] for first, end in pairwise(ends)]
    kept = [group for group in groups if len(group) >= rules.least_points]
    return sorted(kept, key=lambda group: int(group[0]))
