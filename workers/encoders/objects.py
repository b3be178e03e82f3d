"""Encoder of object lists: a set function."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from workers.codecs.objects import MAX_OBJECTS, WIDTH
from workers.encoders.base import Array, Bounds, Encoder, Projection, powers_of_two

_BOUNDS = Bounds(least=4, most=1_024, spare=32)


class ObjectsEncoder(Encoder):
    """Objects (rows, length, WIDTH) and their presence -> (rows, FEATURE_SIZE).

    Deep Sets (Zaheer et al., NeurIPS 2017): a network per object, pooled by sum and by maximum,
    and a network over the pools. The empty set is a constant of its own.
    """

    def __init__(self, hidden: int = 48) -> None:
        super().__init__()
        self.each = nn.Sequential(
            nn.Linear(WIDTH, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()
        )
        self.pooled = nn.Sequential(nn.Linear(2 * hidden + 1, hidden), nn.ReLU())
        self.project = Projection(hidden)

    size_classes = powers_of_two(8, MAX_OBJECTS)

    def extent(self, array: Array) -> float:
        return len(array)

    def bounds(self, size_class: int) -> Bounds:
        return _BOUNDS

    def collate(self, arrays: Sequence[Array], size_class: int, rows: int) -> tuple[Tensor, ...]:
        objects = np.zeros((rows, size_class, WIDTH), np.float32)
        present = np.zeros((rows, size_class, 1), np.float32)
        for row, array in enumerate(arrays):
            kept = array[:size_class]
            objects[row, : len(kept)] = kept
            present[row, : len(kept)] = 1.0
        return torch.from_numpy(objects), torch.from_numpy(present)

    def specimen(self, size_class: int, rng: np.random.Generator) -> Array:
        return rng.standard_normal((size_class, WIDTH), np.float32)

    def forward(self, objects: Tensor, present: Tensor) -> Tensor:
        # Activations are not negative, so zeros for absent objects leave sum and maximum alone.
        each = self.each(objects) * present
        count = present.sum(dim=1)
        pools = torch.cat([each.sum(dim=1) / 8.0, each.amax(dim=1), count / 8.0], dim=1)
        return self.project(self.pooled(pools))  # type: ignore[no-any-return]
