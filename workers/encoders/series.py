"""Encoder of vital signs and other channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from workers.codecs.series import LENGTH
from workers.encoders.base import Array, Encoder, Projection, stack

_TILE = 8


class SeriesEncoder(Encoder):
    """Statistics per channel (rows, series.LENGTH) -> (rows, FEATURE_SIZE)."""

    def __init__(self, hidden: int = 96) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Linear(LENGTH, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()
        )
        self.project = Projection(hidden)

    def tile(self, size_class: int) -> int:
        return _TILE

    def collate(self, arrays: Sequence[Array], size_class: int, rows: int) -> tuple[Tensor, ...]:
        return (stack(arrays, rows),)

    def example(self) -> Array:
        return np.zeros(LENGTH, np.float32)

    def forward(self, vectors: Tensor) -> Tensor:
        return self.project(self.hidden(vectors))  # type: ignore[no-any-return]
