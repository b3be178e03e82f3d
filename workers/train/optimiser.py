"""The optimiser of a plan, and its state as tensors by name."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from workers.learned.network import LearnedNetwork
from workers.train.optimisation import Optimisation

_PREFIX = "optimizer/"


def make_optimizer(network: LearnedNetwork, rules: Optimisation) -> torch.optim.Optimizer:
    """Over all that is learned. Gains and biases are not decayed: they are few, and decaying them
    shifts what a layer gives. Each group has its undisturbed rate as ``base``.
    """
    groups = []
    encoder_rate = rules.encoder_learning_rate or rules.learning_rate
    for part, rate in ((network.encoders, encoder_rate), (network.fusion, rules.learning_rate)):
        weights = [weight for weight in part.parameters() if weight.requires_grad]
        for decayed in (True, False):
            chosen = [weight for weight in weights if (weight.ndim > 1) == decayed]
            if chosen:
                decay = rules.weight_decay if decayed else 0.0
                groups.append({"params": chosen, "lr": rate, "base": rate, "weight_decay": decay})
    if rules.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=rules.momentum)
    kind = torch.optim.Adam if rules.optimizer == "adam" else torch.optim.AdamW
    return kind(groups)


def set_rate(optimizer: torch.optim.Optimizer, factor: float) -> float:
    """Set every group's learning rate to so much of its base; returns that of the last group."""
    for group in optimizer.param_groups:
        group["lr"] = group["base"] * factor
    return float(optimizer.param_groups[-1]["lr"])


def state_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What the optimiser remembers of each weight, by place and name."""
    return {
        f"{_PREFIX}{place}/{name}": torch.as_tensor(value)
        for place, kept in optimizer.state_dict()["state"].items()
        for name, value in kept.items()
        if value is not None
    }


def load_state(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimiser of the same plan back what ``state_tensors`` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith(_PREFIX):
            place, name = key.removeprefix(_PREFIX).split("/", 1)
            state.setdefault(int(place), {})[name] = value
    described = optimizer.state_dict()
    optimizer.load_state_dict({"state": state, "param_groups": described["param_groups"]})
