"""Fusion by a sum over the inputs."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor, nn

from workers.learned.fusion.base import Fusion, shares_of_norms
from workers.learned.plan import FusionOptions


class SumOptions(FusionOptions):
    """Options of fusion by a sum."""

    form: Literal["sum"] = "sum"


class SumFusion(Fusion):
    """σ(W·Σ_i V_i·x_i + b), the sum over the present inputs; a share is the length of V_i·x_i."""

    Options: ClassVar[type[FusionOptions]] = SumOptions

    def __init__(self, options: SumOptions, inputs: int) -> None:
        super().__init__(options, inputs)
        self._width = 2 * options.width
        self.parts = nn.ModuleList(nn.Linear(options.width, options.width) for _ in range(inputs))
        self.output = nn.Sequential(
            nn.Linear(options.width, self._width), nn.Sigmoid(), nn.Dropout(options.dropout)
        )

    @property
    def out_width(self) -> int:
        return self._width

    def forward(self, tokens: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        parts = tokens.new_zeros(tokens.shape)
        for place, part in enumerate(self.parts):
            parts[:, place] = part(tokens[:, place]) * present[:, place, None]
        return self.output(parts.sum(dim=1)), shares_of_norms(parts, present)
