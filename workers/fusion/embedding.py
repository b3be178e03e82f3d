"""What a token carries besides its feature."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from workers.encoders.base import FEATURE_SIZE
from workers.fusion.tokens import MODALITIES, SENSOR_SLOTS, TokenBatch

#: Harmonics of the window's length by which a token's time is given.
_HARMONICS = 3


def _time_features(times: Tensor) -> Tensor:
    """(rows, length) -> (rows, length, 1 + 2·_HARMONICS): the time, its sines and cosines."""
    phases = [times * (math.pi * (k + 1)) for k in range(_HARMONICS)]
    parts = [times, *(torch.sin(p) for p in phases), *(torch.cos(p) for p in phases)]
    return torch.stack(parts, dim=-1)


class TokenEmbedding(nn.Module):
    """Feature, modality, sensor slot and time of each token as one vector of ``width``.

    One projection serves all modalities, since each encoder ends in a layer of its own; the mixing
    layer lets what a feature means depend on who sensed it.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.feature = nn.Linear(FEATURE_SIZE, width)
        self.modality = nn.Embedding(len(MODALITIES), width)
        self.sensor = nn.Embedding(SENSOR_SLOTS, width)
        self.time = nn.Linear(1 + 2 * _HARMONICS, width)
        self.mix = nn.Sequential(
            nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, batch: TokenBatch) -> Tensor:
        """(rows, length, width); what padding holds is of no meaning."""
        where = self.modality(batch.modalities) + self.sensor(batch.sensors)
        token = self.feature(batch.features) + where + self.time(_time_features(batch.times))
        return self.norm(token + self.mix(token))  # type: ignore[no-any-return]
