"""The sum form of fusion: the baseline."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from workers.fusion.base import FusionForm, FusionOutput, Head
from workers.fusion.embedding import TokenEmbedding
from workers.fusion.tokens import MODALITIES, TokenBatch


class SumFusion(FusionForm):
    """σ(W·Σ_m mean f(x_m) + b), the sum over present modalities; then a head per task.

    A modality's share is the norm of its mean over the sum of all norms; within a modality each
    token has the same weight.
    """

    def __init__(self, tasks: Mapping[str, int], width: int = 64) -> None:
        super().__init__()
        self.embed = TokenEmbedding(width)
        self.output = nn.Linear(width, 2 * width)
        self.heads = nn.ModuleDict({task: Head(2 * width, n) for task, n in tasks.items()})

    def forward(self, batch: TokenBatch) -> FusionOutput:
        tokens = self.embed(batch)
        owners = torch.nn.functional.one_hot(batch.modalities, len(MODALITIES))
        member = (owners.bool() & batch.present.unsqueeze(-1)).to(tokens.dtype)
        count = member.sum(dim=1)
        means = member.transpose(1, 2) @ tokens / count.clamp_min(1.0).unsqueeze(-1)
        hidden = torch.sigmoid(self.output(means.sum(dim=1)))
        norms = means.norm(dim=-1)
        shares = norms / norms.sum(dim=-1, keepdim=True).clamp_min(1e-9)
        logits: dict[str, Tensor] = {task: head(hidden) for task, head in self.heads.items()}
        return FusionOutput(logits, shares)
