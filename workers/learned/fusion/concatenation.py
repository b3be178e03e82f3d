"""Fusion by writing the inputs side by side: the baseline to compare others with."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from workers.learned.fusion.base import Fusion, shares_of_norms
from workers.learned.plan import FusionOptions


class ConcatenationOptions(FusionOptions):
    """Options of fusion by concatenation."""

    form: Literal["concatenation"] = "concatenation"


class ConcatenationFusion(Fusion):
    """A layer over all inputs side by side, zeros where one is absent.

    A share is the length of what the input adds to the layer's sum.
    """

    Options: ClassVar[type[FusionOptions]] = ConcatenationOptions

    def __init__(self, options: ConcatenationOptions, inputs: int) -> None:
        super().__init__(options, inputs)
        self._width = options.width
        self.layer = nn.Linear(inputs * options.width, options.width)
        self.after = nn.Sequential(nn.ReLU(), nn.Dropout(options.dropout))

    @property
    def out_width(self) -> int:
        return self._width

    def forward(self, tokens: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        kept = tokens * present.unsqueeze(-1)
        with torch.no_grad():
            weights = self.layer.weight.chunk(self.inputs, dim=1)
            added = [kept[:, place] @ weights[place].T for place in range(self.inputs)]
            shares = shares_of_norms(torch.stack(added, dim=1), present)
        return self.after(self.layer(kept.flatten(1))), shares
