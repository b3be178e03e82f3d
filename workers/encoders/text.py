"""Encoder of hashed n-grams."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from workers.codecs.text import MAX_IDS, VOCABULARY
from workers.encoders.base import Array, Bounds, Encoder, Projection, powers_of_two

_BOUNDS = Bounds(least=4, most=1_024, spare=32)


class TextEncoder(Encoder):
    """Ids (rows, length), 0 where padded -> (rows, FEATURE_SIZE): mean of embeddings, then MLP."""

    def __init__(self, embedding: int = 48, hidden: int = 64) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(VOCABULARY, embedding, mode="mean", padding_idx=0)
        # Means of hundreds of unit-variance embeddings would all be near zero at the start.
        self.norm = nn.LayerNorm(embedding)
        self.hidden = nn.Sequential(nn.Linear(embedding, hidden), nn.ReLU())
        self.project = Projection(hidden)

    size_classes = powers_of_two(32, MAX_IDS)

    def extent(self, array: Array) -> float:
        return len(array)

    def bounds(self, size_class: int) -> Bounds:
        return _BOUNDS

    def collate(self, arrays: Sequence[Array], size_class: int, rows: int) -> tuple[Tensor, ...]:
        ids = np.zeros((rows, size_class), np.int64)
        for row, array in enumerate(arrays):
            ids[row, : len(array)] = array[:size_class]
        return (torch.from_numpy(ids),)

    def specimen(self, size_class: int, rng: np.random.Generator) -> Array:
        return rng.integers(1, VOCABULARY, size_class, np.int64)

    def forward(self, ids: Tensor) -> Tensor:
        return self.project(self.hidden(self.norm(self.bag(ids))))  # type: ignore[no-any-return]
