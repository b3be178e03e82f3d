"""Features are told apart by the encoders that made them, and by nothing else."""

from __future__ import annotations

import torch

from tests.workers.models import network
from workers.encoders.identity import encoders_digest
from workers.fusion.network import Network

MADE = network()


def digest(of: Network, architecture: str = "a-1") -> str:
    return encoders_digest(architecture, of.encoders)


def test_another_fusion_over_the_same_encoders_has_the_same_digest() -> None:
    other = network(seed=1)
    other.encoders.load_state_dict(MADE.encoders.state_dict())
    assert digest(other) == digest(MADE)


def test_one_weight_of_an_encoder_changes_the_digest() -> None:
    other = network()
    with torch.no_grad():
        next(other.encoders.parameters()).view(-1)[0] += 1e-3
    assert digest(other) != digest(MADE)


def test_another_architecture_with_the_same_weights_has_another_digest() -> None:
    assert digest(MADE, "a-2") != digest(MADE, "a-1")
