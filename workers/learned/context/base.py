"""What every kind of context offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from workers.learned.plan import ContextOptions


class Context(nn.Module, ABC):
    """The steps of a window in, what the last step means after them out.

    A window holds what has been and what is, so nothing is known of what comes after the step that
    is judged. What absent steps hold must not change any output.
    """

    Options: ClassVar[type[ContextOptions]]

    def __init__(self, options: ContextOptions, width: int) -> None:
        super().__init__()
        self.steps = options.steps

    def reaches(self, present: Tensor) -> Tensor:
        """Whether anything is there to judge: presence bool (rows, steps) -> (rows,)."""
        return present.any(dim=1)

    @abstractmethod
    def forward(self, steps: Tensor, present: Tensor) -> Tensor:
        """Steps (rows, steps, width) and their presence, bool (rows, steps), to (rows, width)."""


def last_present(steps: Tensor, present: Tensor) -> Tensor:
    """The newest step that is there, zeros where none is: (rows, steps, width) -> (rows, width)."""
    order = torch.arange(1, present.shape[1] + 1, device=present.device)
    newest = (present * order).amax(dim=1, keepdim=True)
    chosen = (present & (order == newest)).to(steps.dtype)
    return (steps * chosen.unsqueeze(-1)).sum(dim=1)
