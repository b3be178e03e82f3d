"""Features made less telling while training, where they were themselves learnt from the labels."""

from __future__ import annotations

import torch
from torch import Tensor


def blended(features: Tensor, present: Tensor, most: float) -> Tensor:
    """Each present sample moved towards another one of the batch, chosen by chance, by a share of
    the way that is uniform between 0 and ``most``; its label stays what it was.

    Features (rows, length, width), ``present`` bool (rows, length); what is absent stays as it is.

    Features that a network learnt from the very labels they are now used with tell more of training
    items than they will of any other: whatever is trained on them trusts them too much, and takes
    nothing from other inputs or from context. Moved by up to 1 towards a sample of another label
    they are as often misleading as those of items never seen. As in mixup (Zhang et al., ICLR 2018)
    features stay among those that occur; unlike there the label is not mixed.
    """
    there = features[present]
    others = there[torch.randperm(len(there), device=features.device)]
    share = torch.rand(len(there), 1, device=features.device) * most
    moved = features.clone()
    moved[present] = there + share * (others - there)
    return moved
