"""What a heat map is, however it was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.align.types import WindowSample

#: float32 (rows, columns), 0 and more: how much of the evidence for a label lies where. It is
#: stretched over the whole of the decoded sample, and has its orientation.
Grid = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Method:
    """How heat was found. ``unit``: what the numbers of a grid are."""

    name: str
    source: str
    unit: str


@dataclass(frozen=True, slots=True)
class Heat:
    """Grids of one window for one label; samples without a grid are not in it.

    All grids have one scale: one that is everywhere small adds little to the answer.
    """

    method: Method
    grids: Mapping[WindowSample, Grid]

    @property
    def hottest(self) -> float:
        """The largest number of all grids, 0 where there is none."""
        return max((float(grid.max()) for grid in self.grids.values()), default=0.0)
