"""Vital signs and other signals by attention over their channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from schemas.sample import Modality
from workers.codecs.series import SLOTS, STATISTICS
from workers.encoders.base import Bounds, stack
from workers.learned.attention import Attention
from workers.learned.encoders.base import InputEncoder
from workers.learned.plan import EncoderOptions, Share

_BOUNDS = Bounds(least=4, most=256, spare=8)


class SeriesOptions(EncoderOptions):
    """``width``: of a feature. ``hide``: how likely a channel is left out in training: monitors
    come unplugged one lead at a time.
    """

    kind: Literal["series"] = "series"
    width: int = Field(default=32, gt=0, le=512)
    heads: int = Field(default=4, gt=0, le=64)
    dropout: Share = 0.0
    hide: Share = 0.0


class SeriesEncoder(InputEncoder):
    """Statistics of each channel, float32 (rows, SLOTS·STATISTICS), to one vector: a learned query
    attends to the channels that are there.

    Successive samples become a sequence in the window's context, not here.
    """

    Options: ClassVar[type[EncoderOptions]] = SeriesOptions

    def __init__(self, options: SeriesOptions, modality: Modality) -> None:
        super().__init__(options, modality)
        self._rules = options
        self.channel = nn.Parameter(torch.randn(SLOTS, options.width) * 0.1)
        self.lift = nn.Linear(STATISTICS, options.width)
        self.query = nn.Parameter(torch.randn(1, options.width) * 0.1)
        self.gather = Attention(options.width, options.heads, options.dropout)
        self.norm = nn.LayerNorm(options.width)

    @property
    def width(self) -> int:
        return self._rules.width

    def augment(
        self, decoded: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        kept = rng.random(SLOTS) >= self._rules.hide
        return np.asarray(decoded * np.repeat(kept, STATISTICS), np.float32)

    def bounds(self, size_class: int) -> Bounds:
        return _BOUNDS

    def collate(
        self, arrays: Sequence[NDArray[np.float32]], size_class: int, rows: int
    ) -> tuple[Tensor, ...]:
        return (stack(arrays, rows),)

    def specimen(self, size_class: int, rng: np.random.Generator) -> NDArray[np.float32]:
        values = rng.standard_normal((SLOTS, STATISTICS), np.float32)
        values[:, 0] = rng.random(SLOTS) < 0.5
        return values.reshape(-1)

    def forward(self, vectors: Tensor) -> Tensor:
        statistics = vectors.reshape(-1, SLOTS, STATISTICS)
        tokens = self.lift(statistics) + self.channel
        query = self.query.expand(len(tokens), -1, -1)
        gathered, _ = self.gather(query, tokens, statistics[:, :, 0] > 0)
        features: Tensor = self.norm(gathered[:, 0])
        return features
