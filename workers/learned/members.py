"""Several networks over the same features, which answer as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from workers.learned.network import FusionNetwork, NetworkOutput
from workers.learned.plan import ModelPlan
from workers.learned.steps import InputBatch


class Members(nn.Module):
    """A deep ensemble (Lakshminarayanan et al., NeurIPS 2017): networks of one plan that begin
    with other weights; the answer is the mean of their probabilities.

    While training, the rows of a batch are dealt out: each row is learnt from by one member, so
    that members never learn to make up for each other. With n of them an epoch is for each an n-th.
    """

    def __init__(self, plan: ModelPlan, widths: Mapping[str, int]) -> None:
        """``widths``: input -> length of its features."""
        super().__init__()
        self.members = nn.ModuleList(FusionNetwork(plan, widths) for _ in range(plan.members))

    def forward(self, batches: Sequence[InputBatch]) -> NetworkOutput:
        """As of one network; ``logits`` are logarithms of the mean probabilities, ``hidden`` what
        the heads of all members read, side by side, but while training.
        """
        return self._dealt_out(batches) if self.training else self._together(batches)

    def _together(self, batches: Sequence[InputBatch]) -> NetworkOutput:
        found: list[NetworkOutput] = [member(batches) for member in self.members]
        logits = {
            task: torch.stack([torch.softmax(one.logits[task], dim=-1) for one in found])
            .mean(dim=0)
            .log()
            for task in found[0].logits
        }
        shares = torch.stack([one.shares for one in found]).mean(dim=0)
        return NetworkOutput(logits, shares, torch.cat([one.hidden for one in found], dim=1))

    def _dealt_out(self, batches: Sequence[InputBatch]) -> NetworkOutput:
        rows = torch.arange(len(batches[0].present), device=batches[0].present.device)
        count = len(self.members)
        hands = [rows[place::count] for place in range(min(count, len(rows)))]
        found: list[NetworkOutput] = [
            member(
                [
                    InputBatch(one.features[hand], one.steps[hand], one.present[hand])
                    for one in batches
                ]
            )
            for member, hand in zip(self.members, hands, strict=False)
        ]
        order = torch.argsort(torch.cat(hands))

        def together(parts: Sequence[Tensor]) -> Tensor:
            return torch.cat(list(parts))[order]

        return NetworkOutput(
            {task: together([one.logits[task] for one in found]) for task in found[0].logits},
            together([one.shares for one in found]),
            together([one.hidden for one in found]),
        )
