"""What every fusion form offers."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workers.fusion.tokens import TokenBatch


@dataclass(frozen=True, slots=True)
class FusionOutput:
    """``logits``: task -> (rows, labels). ``shares``: (rows, len(MODALITIES)), each row's sum 1,
    exactly 0 for a modality without tokens; a row without any token has all zeros.
    """

    logits: dict[str, Tensor]
    shares: Tensor


class FusionForm(nn.Module, ABC):
    """g: the tokens of a window in, logits per task and a share per modality out.

    What padding holds must not change any output, and a row must not depend on another.
    """

    @abstractmethod
    def forward(self, batch: TokenBatch) -> FusionOutput:
        """Answer for every row of the batch."""


class Head(nn.Module):
    """A task's logits: a linear layer, (rows, width) -> (rows, labels).

    Written as a product and a sum: with two or three outputs the matrix kernels handle odd and
    even rows differently, and a row's answer must not depend on its place in a batch.
    """

    def __init__(self, width: int, labels: int) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(width)
        self.weight = nn.Parameter(torch.empty(labels, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(labels))

    def forward(self, hidden: Tensor) -> Tensor:
        return (hidden.unsqueeze(1) * self.weight).sum(dim=-1) + self.bias
