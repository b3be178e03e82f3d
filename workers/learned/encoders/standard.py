"""Standardisation by statistics of the training samples."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

#: A value that hardly varies tells nothing, and must not be blown up.
_LEAST_DEVIATION = 1e-6
#: Its deviation: finite, since weights have to be, and so large that all becomes 0.
_CONSTANT = 1e30


class Standard(nn.Module):
    """(x - mean) / deviation, cut to [-limit, limit]; the identity before ``fit``."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int, limit: float = 8.0) -> None:
        super().__init__()
        self.limit = limit
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    def fit(self, values: NDArray[np.float32]) -> None:
        """Take mean and deviation of values (n, width), n > 0; a constant one becomes 0."""
        exact = values.astype(np.float64)
        deviation = exact.std(axis=0)
        deviation[deviation < _LEAST_DEVIATION] = _CONSTANT
        self.mean.copy_(torch.from_numpy(exact.mean(axis=0).astype(np.float32)))
        self.deviation.copy_(torch.from_numpy(deviation.astype(np.float32)))

    def forward(self, values: Tensor) -> Tensor:
        """(rows, width) -> (rows, width)."""
        return ((values - self.mean) / self.deviation).clamp(-self.limit, self.limit)
