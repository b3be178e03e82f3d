"""No context: a window is one step."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from workers.learned.context.base import Context, last_present
from workers.learned.plan import ContextOptions


class NoContextOptions(ContextOptions):
    """A window is one step."""

    kind: Literal["none"] = "none"
    steps: Literal[1] = 1


class NoContext(Context):
    """The newest step as it is."""

    Options: ClassVar[type[ContextOptions]] = NoContextOptions

    def forward(self, steps: Tensor, present: Tensor) -> Tensor:
        return last_present(steps, present)
