"""Cross-modal attention: the default form of fusion."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from workers.fusion.base import FusionForm, FusionOutput, Head
from workers.fusion.embedding import TokenEmbedding
from workers.fusion.tokens import MODALITIES, TokenBatch


class _CrossAttention(nn.Module):
    """Queries attend to tokens (Vaswani et al., NeurIPS 2017), with one learned token more.

    The learned token takes the attention where nothing in the window answers the query, and keeps
    the softmax defined for a window without tokens.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.nothing = nn.Parameter(torch.randn(width) * 0.02)
        self.out = nn.Linear(width, width)
        self.query_norm = nn.LayerNorm(width)
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width)
        )

    def _split(self, x: Tensor) -> Tensor:
        rows, length, width = x.shape
        return x.reshape(rows, length, self.heads, width // self.heads).transpose(1, 2)

    def forward(self, queries: Tensor, tokens: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Queries (rows, q, width) updated, and weights (rows, heads, q, 1 + length)."""
        rows = tokens.shape[0]
        nothing = self.nothing.expand(rows, 1, -1)
        keys, values = self.key_value(torch.cat([nothing, tokens], dim=1)).chunk(2, dim=-1)
        query = self._split(self.query(self.query_norm(queries)))
        scores = query @ self._split(keys).transpose(2, 3) / math.sqrt(query.shape[-1])
        allowed = torch.cat([present.new_ones(rows, 1), present], dim=1)
        scores = scores.masked_fill(~allowed[:, None, None, :], float("-inf"))
        weights = torch.softmax(scores, dim=-1)
        attended = (weights @ self._split(values)).transpose(1, 2).flatten(2)
        queries = queries + self.out(attended)
        return queries + self.mlp(self.norm(queries)), weights


class CrossModalAttention(FusionForm):
    """One learned query per task attends over the tokens of all modalities, in ``layers`` steps.

    A modality's share is the attention its tokens get, averaged over tasks, heads and layers, with
    the learned token left out.
    """

    def __init__(
        self, tasks: Mapping[str, int], width: int = 64, heads: int = 4, layers: int = 2
    ) -> None:
        super().__init__()
        self.embed = TokenEmbedding(width)
        self.queries = nn.Parameter(torch.randn(len(tasks), width) * 0.5)
        self.layers = nn.ModuleList(_CrossAttention(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.heads = nn.ModuleDict({task: Head(width, n) for task, n in tasks.items()})

    def forward(self, batch: TokenBatch) -> FusionOutput:
        tokens = self.embed(batch)
        queries = self.queries.expand(tokens.shape[0], -1, -1)
        mass = torch.zeros_like(batch.times)
        for layer in self.layers:
            queries, weights = layer(queries, tokens, batch.present)
            mass = mass + weights[..., 1:].mean(dim=(1, 2))
        answers = self.norm(queries)
        # Not a matrix product: some CPUs' kernels round a row by where it lies in memory.
        per_modality = mass.new_zeros(mass.shape[0], len(MODALITIES))
        per_modality = per_modality.scatter_add(1, batch.modalities, mass)
        shares = per_modality / per_modality.sum(dim=-1, keepdim=True).clamp_min(1e-9)
        logits = {task: head(answers[:, i]) for i, (task, head) in enumerate(self.heads.items())}
        return FusionOutput(logits, shares)
