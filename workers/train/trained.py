"""What comes out of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.result import ModelRef
from schemas.sample import Modality
from workers.device import resolve_device
from workers.learned.model import LearnedModel
from workers.learned.network import LearnedNetwork
from workers.learned.plan import ModelPlan
from workers.train.checkpoint import Epoch
from workers.train.optimisation import Optimisation


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A trained network, in evaluation mode on the CPU.

    ``curve``: every epoch that was run. ``kept_epoch``: the one whose weights these are.
    """

    network: LearnedNetwork
    modality_of: Mapping[str, Modality]
    curve: tuple[Epoch, ...]
    kept_epoch: int
    optimisation: Optimisation
    seed: int

    @property
    def plan(self) -> ModelPlan:
        """What the network is made of."""
        return self.network.plan

    def model(self, name: str = "trained", device: str = "cpu") -> LearnedModel:
        """The network as a worker runs it."""
        return LearnedModel(
            self.network, ModelRef(name, "0", ""), self.modality_of, resolve_device(device)
        )
