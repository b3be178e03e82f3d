"""Context by attention over the steps."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from workers.learned.attention import Attention
from workers.learned.context.base import Context, last_present
from workers.learned.plan import ContextOptions


class AttentionContextOptions(ContextOptions):
    """Options of context by attention. ``ahead``: how many steps of the window follow the one that
    is judged; more than none means that an answer waits for what comes next.
    """

    kind: Literal["attention"] = "attention"
    heads: int = Field(default=4, gt=0, le=64)
    layers: int = Field(default=1, gt=0, le=8)
    ahead: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _leaves_one(self) -> AttentionContextOptions:
        if self.ahead >= self.steps:
            raise ValueError(f"ahead: expected less than the {self.steps} steps, got {self.ahead}")
        return self


class AttentionContext(Context):
    """The step that is judged asks the steps of the window, each known by its place."""

    Options: ClassVar[type[ContextOptions]] = AttentionContextOptions

    def __init__(self, options: AttentionContextOptions, width: int) -> None:
        super().__init__(options, width)
        self._until = options.steps - options.ahead
        self.ago = nn.Parameter(torch.randn(options.steps, width) * 0.02)
        self.layers = nn.ModuleList(
            Attention(width, options.heads, options.dropout) for _ in range(options.layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, steps: Tensor, present: Tensor) -> Tensor:
        placed = steps + self.ago
        query = last_present(placed[:, : self._until], present[:, : self._until]).unsqueeze(1)
        for layer in self.layers:
            query, _ = layer(query, placed, present)
        answer: Tensor = self.norm(query[:, 0])
        return answer
