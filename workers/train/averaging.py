"""Averages of weights over a run, which do better than the weights of its last step."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from workers.train.optimisation import Average, Ema


class WeightAverage:
    """The average that a plan asks for. ``tensors`` are its state: none before the first step."""

    def __init__(self, rules: Average | None) -> None:
        self._rules = rules
        self.tensors: dict[str, Tensor] = {}
        self.count = 0

    def after_step(self, network: nn.Module) -> None:
        """Take the weights of a step in."""
        if isinstance(self._rules, Ema):
            # A mean of all so far at first, so that the start does not linger.
            decay = min(self._rules.decay, self.count / (self.count + 1))
            self._mix(network, 1.0 - decay)

    def after_epoch(self, network: nn.Module, epoch: int) -> None:
        """Take the weights of an epoch (from 1) in."""
        rules = self._rules
        if rules is not None and not isinstance(rules, Ema) and epoch >= rules.start:
            self._mix(network, 1.0 / (self.count + 1))

    def weights(self, network: nn.Module) -> Mapping[str, Tensor]:
        """What is to be judged and kept: the average, else the network's own weights."""
        return self.tensors or network.state_dict()

    def _mix(self, network: nn.Module, share: float) -> None:
        with torch.no_grad():
            for name, value in network.state_dict().items():
                if name not in self.tensors or not value.is_floating_point():
                    self.tensors[name] = value.detach().clone()
                else:
                    self.tensors[name].lerp_(value.detach(), share)
        self.count += 1
