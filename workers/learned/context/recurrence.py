"""Context by a recurrent network."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from workers.learned.context.base import Context, last_present
from workers.learned.plan import ContextOptions


class RecurrenceOptions(ContextOptions):
    """``hidden``: width of the state; that of what comes in where none is given."""

    kind: Literal["recurrence"] = "recurrence"
    hidden: int | None = None


class RecurrenceContext(Context):
    """A gated recurrent unit (Cho et al., EMNLP 2014) over the steps that are there, its last
    state added to the newest step.
    """

    Options: ClassVar[type[ContextOptions]] = RecurrenceOptions

    def __init__(self, options: RecurrenceOptions, width: int) -> None:
        super().__init__(options, width)
        self._hidden = options.hidden or width
        self.cell = nn.GRUCell(width, self._hidden)
        self.out = nn.Linear(self._hidden, width)
        self.dropout = nn.Dropout(options.dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, steps: Tensor, present: Tensor) -> Tensor:
        state = steps.new_zeros(steps.shape[0], self._hidden)
        for step in range(steps.shape[1]):
            following = self.cell(steps[:, step], state)
            state = torch.where(present[:, step, None], following, state)
        newest = last_present(steps, present)
        answer: Tensor = self.norm(newest + self.dropout(self.out(state)))
        return answer
