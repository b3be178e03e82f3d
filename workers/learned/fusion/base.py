"""What every form of fusion offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from workers.learned.plan import FusionOptions


class Fusion(nn.Module, ABC):
    """g: one token per input in, what the heads read and a share per input out.

    What absent tokens hold must not change any output, and a row must not depend on another. A row
    in which all are absent has an output, too.
    """

    Options: ClassVar[type[FusionOptions]]

    def __init__(self, options: FusionOptions, inputs: int) -> None:
        super().__init__()
        self.inputs = inputs

    @property
    @abstractmethod
    def out_width(self) -> int:
        """Width of what the heads read."""

    @abstractmethod
    def forward(self, tokens: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (rows, inputs, width) and their presence, bool (rows, inputs), to (rows,
        out_width) and shares (rows, inputs): at least 0, exactly 0 where absent, of any sum.
        """


def shares_of_norms(parts: Tensor, present: Tensor) -> Tensor:
    """The length of each input's part of the answer: (rows, inputs, width) -> (rows, inputs)."""
    lengths: Tensor = parts.norm(dim=-1)
    return lengths * present
