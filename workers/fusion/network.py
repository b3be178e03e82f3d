"""One model: an encoder per modality and a fusion form, built from a plain description."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from schemas.sample import Modality
from workers.encoders import Encoder, make_encoder
from workers.encoders.tiling import tiles
from workers.fusion.attention import CrossModalAttention
from workers.fusion.base import FusionForm
from workers.fusion.sum import SumFusion
from workers.fusion.tokens import MODALITIES, TokenBatch, Tokens, collate, length_class

FORMS: Mapping[str, Callable[[Mapping[str, int]], FusionForm]] = {
    "attention": CrossModalAttention,
    "sum": SumFusion,
}
#: Tokens computed at once for one tile of windows; short windows share it.
_TILE_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Answer:
    """One window's answer: per task float64 (labels,) of sum 1, and the present modalities' shares
    (sum 1; empty for a window without samples).
    """

    probabilities: Mapping[str, NDArray[np.float64]]
    shares: Mapping[Modality, float]


class Network(nn.Module):
    """The encoders and the fusion of one model."""

    def __init__(
        self, modalities: Sequence[Modality], tasks: Mapping[str, Sequence[str]], form: str
    ) -> None:
        super().__init__()
        #: task -> labels, in the order of the logits
        self.tasks = {task: tuple(labels) for task, labels in tasks.items()}
        self.encoders = nn.ModuleDict({m.value: make_encoder(m) for m in modalities})
        self.fusion = FORMS[form]({task: len(labels) for task, labels in tasks.items()})

    def encoder(self, modality: Modality) -> Encoder:
        """The encoder of a modality that the model takes."""
        encoder = self.encoders[modality.value]
        assert isinstance(encoder, Encoder)
        return encoder


def _rows(length: int) -> int:
    return max(1, min(8, _TILE_TOKENS // length))


def _answers(network: Network, batch: TokenBatch, count: int) -> list[Answer]:
    output = network.fusion(batch)
    shares = output.shares.double().cpu().numpy()
    # float64, so that a task's probabilities add up to 1 as far as JSON shows them.
    tasks = {k: torch.softmax(v.double(), dim=-1).cpu().numpy() for k, v in output.logits.items()}
    answers = []
    for row in range(count):
        present = {m: float(s) for m, s in zip(MODALITIES, shares[row], strict=True) if s > 0.0}
        total = sum(present.values())
        answers.append(
            Answer(
                {task: values[row] for task, values in tasks.items()},
                {m: share / total for m, share in present.items()},
            )
        )
    return answers


def fuse_tokens(network: Network, windows: Sequence[Tokens], device: torch.device) -> list[Answer]:
    """One answer per window, in order; the same whatever other windows are in the call.

    A probability may be NaN where the network makes it so; the caller checks.
    """
    answers: dict[int, Answer] = {}
    for length, positions in tiles(windows, length_class, _rows):
        batch = collate([windows[position] for position in positions], length, _rows(length))
        part = _answers(network, batch.to(device), len(positions))
        answers.update(zip(positions, part, strict=True))
    return [answers[position] for position in range(len(windows))]
