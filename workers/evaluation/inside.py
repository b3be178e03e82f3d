"""What a learned model has of a window just before its heads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from streams.align.types import Window
from workers.backends.base import Model
from workers.encoders.tiling import by_class
from workers.learned.model import LearnedModel
from workers.learned.network import FusionNetwork, key
from workers.learned.steps import as_tensors, collate, from_tensors, length_class, window_steps

#: Windows run at a time.
_AT_ONCE = 256


def representation(
    model: Model, task: str, windows: Sequence[Window]
) -> NDArray[np.float32] | None:
    """What the head of a task is given for each window, float32 (n, width), n > 0.

    ``None`` for a model that is not ours to look into, or of several members.
    """
    if not isinstance(model, LearnedModel):
        return None
    network, fusion = model.network, model.network.fusion
    if not isinstance(fusion, FusionNetwork):
        return None
    inputs, steps = network.plan.inputs, network.plan.context.steps
    encoders = {name: network.encoder(name) for name in inputs}
    placed = [window_steps(window, encoders, inputs, steps) for window in windows]
    device = next(network.parameters()).device
    seen: list[torch.Tensor] = []
    head = fusion.heads[key(task)]
    hook = head.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    rows: list[NDArray[np.float32] | None] = [None] * len(placed)
    try:
        with torch.inference_mode():
            for length, positions in by_class(placed, length_class).items():
                for first in range(0, len(positions), _AT_ONCE):
                    some = positions[first : first + _AT_ONCE]
                    batch = collate([placed[at] for at in some], length, len(some))
                    moved = [tensor.to(device) for tensor in as_tensors(batch)]
                    fusion(from_tensors(moved))
                    for at, row in zip(some, seen.pop().float().cpu().numpy(), strict=True):
                        rows[at] = row
    finally:
        hook.remove()
    return np.stack([row for row in rows if row is not None])
