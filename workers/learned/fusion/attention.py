"""Fusion by attention over the inputs: the default."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from workers.learned.attention import Attention
from workers.learned.fusion.base import Fusion
from workers.learned.plan import FusionOptions


class AttentionOptions(FusionOptions):
    """Options of fusion by attention."""

    form: Literal["attention"] = "attention"
    heads: int = Field(default=4, gt=0, le=64)
    layers: int = Field(default=1, gt=0, le=8)

    @model_validator(mode="after")
    def _divides(self) -> AttentionOptions:
        if self.width % self.heads:
            raise ValueError(f"heads: expected a divisor of width {self.width}, got {self.heads}")
        return self


class AttentionFusion(Fusion):
    """The inputs' tokens attend to each other, and one learned query gathers from them.

    An input's share is the attention that the query pays its token.
    """

    Options: ClassVar[type[FusionOptions]] = AttentionOptions

    def __init__(self, options: AttentionOptions, inputs: int) -> None:
        super().__init__(options, inputs)
        self._width = options.width
        self.place = nn.Parameter(torch.randn(inputs, options.width) * 0.02)
        self.query = nn.Parameter(torch.randn(1, options.width) * 0.02)
        self.layers = nn.ModuleList(
            Attention(options.width, options.heads, options.dropout) for _ in range(options.layers)
        )
        self.gather = Attention(options.width, options.heads, options.dropout)
        self.norm = nn.LayerNorm(options.width)

    @property
    def out_width(self) -> int:
        return self._width

    def forward(self, tokens: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        tokens = tokens + self.place
        for layer in self.layers:
            tokens, _ = layer(tokens, tokens, present)
        queries = self.query.expand(tokens.shape[0], -1, -1)
        answer, weights = self.gather(queries, tokens, present)
        return self.norm(answer[:, 0]), weights[:, 0] * present
