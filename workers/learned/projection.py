"""From the samples of one input to a vector for each step of the window."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workers.learned.blending import blended
from workers.learned.plan import ProjectionPlan
from workers.learned.session_norm import SessionNorm


class Projection(nn.Module):
    """Features to the width of fusion, then the samples of a step to one: their mean, or their sum
    weighted by attention (Yang et al., NAACL 2016).
    """

    def __init__(self, features: int, width: int, plan: ProjectionPlan, steps: int) -> None:
        super().__init__()
        self._noise = plan.noise
        self._blend = plan.blend
        self._steps = steps
        self.session = None if plan.session is None else SessionNorm(plan.session, steps)
        if self.session is not None:
            features -= 1
        layers: list[nn.Module] = [nn.Dropout(plan.input_dropout)]
        for hidden in plan.hidden:
            layers += [nn.Linear(features, hidden), nn.GELU(), nn.Dropout(plan.dropout)]
            features = hidden
        layers.append(nn.Linear(features, width))
        if plan.norm:
            layers.append(nn.LayerNorm(width))
        layers.append(nn.Dropout(plan.dropout))
        self.layers = nn.Sequential(*layers)
        self.score = (
            nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1, bias=False))
            if plan.pool == "attention"
            else None
        )

    def forward(self, features: Tensor, steps: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Features (rows, length, features), the step of each, int64 (rows, length), and presence,
        bool (rows, length), to (rows, steps, width) and presence (rows, steps).
        """
        if self.session is not None:
            relative, there = self.session(features, steps, present)
            return self.layers(self._disturbed(relative, there)), there
        hidden = self.layers(self._disturbed(features, present))
        weights = present.to(hidden.dtype)
        if self.score is not None:
            score = self.score(hidden)[..., 0].masked_fill(~present, float("-inf"))
            highest = score.amax(dim=1, keepdim=True).clamp_min(-1e4)
            weights = torch.exp(score - highest)
        rows, _, width = hidden.shape
        # Added up sample by sample: a matrix product would round a row by where it lies in memory.
        total = hidden.new_zeros(rows, self._steps, width).scatter_add(
            1, steps.unsqueeze(-1).expand_as(hidden), hidden * weights.unsqueeze(-1)
        )
        mass = hidden.new_zeros(rows, self._steps).scatter_add(1, steps, weights)
        count = hidden.new_zeros(rows, self._steps).scatter_add(1, steps, present.to(hidden.dtype))
        return total / mass.clamp_min(1e-6).unsqueeze(-1), count > 0

    def _disturbed(self, features: Tensor, present: Tensor) -> Tensor:
        if self.training and self._noise:
            features = features + torch.randn_like(features) * self._noise
        if self.training and self._blend:
            features = blended(features, present, self._blend)
        return features
