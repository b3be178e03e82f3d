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
from workers.fusion.attention import CrossModalAttention
from workers.fusion.base import FusionForm, FusionOutput
from workers.fusion.sum import SumFusion
from workers.fusion.tokens import MODALITIES

FORMS: Mapping[str, Callable[[Mapping[str, int]], FusionForm]] = {
    "attention": CrossModalAttention,
    "sum": SumFusion,
}


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


def answers_of(output: FusionOutput, count: int) -> list[Answer]:
    """The first ``count`` rows as answers. A probability is NaN where the network makes it so."""
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
