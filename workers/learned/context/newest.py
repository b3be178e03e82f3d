"""Only the newest step is judged; the ones before serve what projections make of it."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from workers.learned.context.base import Context
from workers.learned.plan import ContextOptions


class NewestContextOptions(ContextOptions):
    """Every input has a context of its own: it is absent where the last step has nothing of it."""

    kind: Literal["newest"] = "newest"
    where: Literal["inputs"] = "inputs"


class NewestContext(Context):
    """The last step as it is, absent where nothing is in it."""

    Options: ClassVar[type[ContextOptions]] = NewestContextOptions

    def reaches(self, present: Tensor) -> Tensor:
        return present[:, -1]

    def forward(self, steps: Tensor, present: Tensor) -> Tensor:
        return steps[:, -1] * present[:, -1:].to(steps.dtype)
