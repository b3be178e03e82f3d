"""Attention over a few tokens, of which some may be absent."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from workers.errors import PartError


class Attention(nn.Module):
    """A pre-norm block: queries attend to tokens, then each goes through an MLP.

    Vaswani et al., NeurIPS 2017. One learned token more takes the attention where nothing answers
    a query, and keeps the softmax defined where every token is absent.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise PartError(f"expected a divisor of the width {width}, got {heads}", "heads")
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.nothing = nn.Parameter(torch.randn(width) * 0.02)
        self.out = nn.Linear(width, width)
        self.query_norm = nn.LayerNorm(width)
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def _split(self, x: Tensor) -> Tensor:
        rows, length, width = x.shape
        return x.reshape(rows, length, self.heads, width // self.heads).transpose(1, 2)

    def forward(self, queries: Tensor, tokens: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Queries (rows, q, width) updated, and the weights of the tokens (rows, q, length), a mean
        over heads; the rest to 1 is the learned token's. ``present``: bool (rows, length).
        """
        rows = tokens.shape[0]
        all_tokens = torch.cat([self.nothing.expand(rows, 1, -1), tokens], dim=1)
        keys, values = self.key_value(all_tokens).chunk(2, dim=-1)
        query = self._split(self.query(self.query_norm(queries)))
        scores = query @ self._split(keys).transpose(2, 3) / math.sqrt(query.shape[-1])
        allowed = torch.cat([present.new_ones(rows, 1), present], dim=1)
        scores = scores.masked_fill(~allowed[:, None, None, :], float("-inf"))
        weights = torch.softmax(scores, dim=-1)
        attended = (self.dropout(weights) @ self._split(values)).transpose(1, 2).flatten(2)
        queries = queries + self.dropout(self.out(attended))
        return queries + self.mlp(self.norm(queries)), weights[..., 1:].mean(dim=1)
