"""Fusion by adding up what each input says by itself."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from workers.learned.fusion.base import Fusion, shares_of_norms
from workers.learned.plan import FusionOptions


class EvidenceOptions(FusionOptions):
    """Options of fusion by adding up evidence."""

    form: Literal["evidence"] = "evidence"


class EvidenceFusion(Fusion):
    """Σ_i x_i over the present inputs: with linear projections the logits of a product of experts
    (Hinton, Neural Computation 2002), as of inputs that are independent once the label is known.

    What is left when an input is absent is exactly what the others say. For data sets of a hundred
    windows, where nothing can be learned of how inputs go together.
    """

    Options: ClassVar[type[FusionOptions]] = EvidenceOptions

    def __init__(self, options: EvidenceOptions, inputs: int) -> None:
        super().__init__(options, inputs)
        self._width = options.width

    @property
    def out_width(self) -> int:
        return self._width

    def forward(self, tokens: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        kept = tokens * present.unsqueeze(-1)
        # Added up one by one, so that an absent input changes no rounding.
        total = kept[:, 0]
        for place in range(1, self.inputs):
            total = total + kept[:, place]
        return total, shares_of_norms(kept, present)
