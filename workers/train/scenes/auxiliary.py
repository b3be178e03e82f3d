"""A direct line from the labels to each encoder, in training alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from workers.encoders.base import FEATURE_SIZE
from workers.fusion.tokens import MODALITIES, TokenBatch


class ModalityHeads(nn.Module):
    """Every modality guesses every task from the mean of its own features.

    Fusion alone starts slowly: as long as attention is spread over all tokens, each encoder gets
    a small part of the gradient, and the one that learns first leaves the others none (Wang et
    al., "What makes training multi-modal classification networks hard?", CVPR 2020).
    """

    def __init__(self, tasks: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self.tasks = {task: len(labels) for task, labels in tasks.items()}
        outputs = sum(self.tasks.values())
        self.weight = nn.Parameter(torch.randn(len(MODALITIES), FEATURE_SIZE, outputs) * 0.05)
        self.bias = nn.Parameter(torch.zeros(len(MODALITIES), outputs))

    def forward(self, batch: TokenBatch) -> dict[str, Tensor]:
        """Task -> logits (rows, modalities, labels); of no meaning for an absent modality."""
        owners = torch.nn.functional.one_hot(batch.modalities, len(MODALITIES)).bool()
        member = (owners & batch.present.unsqueeze(-1)).to(batch.features.dtype)
        count = member.sum(dim=1)
        means = member.transpose(1, 2) @ batch.features / count.clamp_min(1.0).unsqueeze(-1)
        logits = torch.einsum("rmf,mfo->rmo", means, self.weight) + self.bias
        parts = torch.split(logits, list(self.tasks.values()), dim=-1)
        return dict(zip(self.tasks, parts, strict=True))
