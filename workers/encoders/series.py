"""Encoder of vital signs and other channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from workers.codecs.series import LENGTH
from workers.encoders.base import Array, Bounds, Encoder, Projection, stack

_BOUNDS = Bounds(least=4, most=1_024, spare=32)


class SeriesEncoder(Encoder):
    """Statistics per channel (rows, series.LENGTH) -> (rows, FEATURE_SIZE)."""

    def __init__(self, hidden: int = 96) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Linear(LENGTH, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()
        )
        self.project = Projection(hidden)

    def bounds(self, size_class: int) -> Bounds:
        return _BOUNDS

    def collate(self, arrays: Sequence[Array], size_class: int, rows: int) -> tuple[Tensor, ...]:
        return (stack(arrays, rows),)

    def specimen(self, size_class: int, rng: np.random.Generator) -> Array:
        return rng.standard_normal(LENGTH, np.float32)

    def forward(self, vectors: Tensor) -> Tensor:
        return self.project(self.hidden(vectors))  # type: ignore[no-any-return]
