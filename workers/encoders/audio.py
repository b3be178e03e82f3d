"""Convolutional encoder of log-mel spectrograms of any length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from workers.codecs.mel import BANDS
from workers.encoders.base import Array, Bounds, Encoder, Projection, powers_of_two

#: Frames convolved as one piece: 160 ms, long enough for pitch and onset, and short chunks
#: (100 ms: 8 frames) waste little of it.
SEGMENT_FRAMES = 16
#: 375 segments are 60 s, the longest chunk the codec accepts.
MAX_SEGMENTS = 512
#: A run costs as much as so many segments.
_SPARE_SEGMENTS = 32
#: Long chunks are run by themselves: filling four rows would cost more than sharing a run saves.
_LEAST_SEGMENTS = 64


class AudioEncoder(Encoder):
    """Frames (rows, segments, 16, 32) and their validity -> (rows, FEATURE_SIZE).

    Segments are convolved apart from each other and pooled over the valid frames of all of them.
    """

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.first = nn.Conv1d(BANDS, width, 3, padding=1)
        self.second = nn.Conv1d(width, width, 3, padding=1)
        self.project = Projection(3 * width)

    size_classes = powers_of_two(1, MAX_SEGMENTS)

    def extent(self, array: Array) -> float:
        return len(array) / SEGMENT_FRAMES

    def bounds(self, size_class: int) -> Bounds:
        return Bounds(
            least=max(1, min(4, _LEAST_SEGMENTS // size_class)),
            most=max(1, 2 * MAX_SEGMENTS // size_class),
            spare=max(1, _SPARE_SEGMENTS // size_class),
        )

    def collate(self, arrays: Sequence[Array], size_class: int, rows: int) -> tuple[Tensor, ...]:
        length = size_class * SEGMENT_FRAMES
        frames = np.zeros((rows, length, BANDS), np.float32)
        valid = np.zeros((rows, length), np.float32)
        # A row that is not filled still needs one frame to be averaged over.
        valid[:, 0] = 1.0
        for row, array in enumerate(arrays):
            kept = array[:length]
            frames[row, : len(kept)] = kept
            valid[row, : len(kept)] = 1.0
        return torch.from_numpy(frames), torch.from_numpy(valid)

    def specimen(self, size_class: int, rng: np.random.Generator) -> Array:
        return rng.standard_normal((size_class * SEGMENT_FRAMES, BANDS), np.float32)

    def forward(self, frames: Tensor, valid: Tensor) -> Tensor:
        rows, length, bands = frames.shape
        pieces = frames.reshape(-1, SEGMENT_FRAMES, bands).transpose(1, 2).contiguous()
        mask = valid.reshape(-1, 1, SEGMENT_FRAMES)
        # Masked after each layer, so that padding is what the convolution pads with: zeros.
        hidden = torch.relu(self.first(pieces)) * mask
        hidden = torch.relu(self.second(hidden)) * mask
        hidden = hidden.transpose(1, 2).reshape(rows, length, -1)
        count = valid.sum(dim=1, keepdim=True)
        mean = hidden.sum(dim=1) / count
        spread = ((hidden * hidden).sum(dim=1) / count - mean * mean).clamp_min(0.0)
        pooled = torch.cat([mean, torch.sqrt(spread + 1e-6), hidden.amax(dim=1)], dim=1)
        return self.project(pooled)  # type: ignore[no-any-return]
