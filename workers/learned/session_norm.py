"""Features relative to what has been heard in the same session so far."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workers.learned.plan import SessionNormPlan

#: What deviates less than this share of the training samples' deviation is not blown up further.
_LEAST_VARIANCE = 0.1


class SessionNorm(nn.Module):
    """The samples of each step as one, less the mean of the window up to now, over its deviation.

    What a speaker is like by themselves (their voice, microphone and distance) thereby falls away
    as it becomes known. Before anything is known, mean 0 and deviation 1 hold, which are those of
    the training samples since features come standardised; they count as ``prior`` units of weight,
    so that a session starts as one of an average speaker and becomes its own by and by. Nothing of
    what comes later is used: a window ends with the step that is judged.
    """

    def __init__(self, plan: SessionNormPlan, steps: int) -> None:
        super().__init__()
        self._prior = plan.prior
        self._least = plan.least
        self._steps = steps

    def forward(self, features: Tensor, steps: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Features (rows, length, 1 + width) whose first value is their weight, the step of each,
        int64 (rows, length), and presence, bool (rows, length), to (rows, steps, width) and
        presence (rows, steps).
        """
        weights = features[..., 0] * present
        values = features[..., 1:]
        rows, _, width = values.shape
        # Added up sample by sample: a matrix product would round a row by where it lies in memory.
        mass = values.new_zeros(rows, self._steps).scatter_add(1, steps, weights)
        total = values.new_zeros(rows, self._steps, width).scatter_add(
            1, steps.unsqueeze(-1).expand_as(values), values * weights.unsqueeze(-1)
        )
        means = total / mass.clamp_min(1e-6).unsqueeze(-1)
        so_far = mass.cumsum(dim=1).unsqueeze(-1) + self._prior
        mean = (means * mass.unsqueeze(-1)).cumsum(dim=1) / so_far
        square = ((means**2 * mass.unsqueeze(-1)).cumsum(dim=1) + self._prior) / so_far
        deviation = torch.sqrt((square - mean**2).clamp_min(_LEAST_VARIANCE))
        return (means - mean) / deviation, mass >= self._least
