"""The loss of a batch: every task that has labels, each window alike or each label alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workers.learned.plan import ModelPlan, TaskPlan
from workers.learned.steps import InputBatch


def label_weights(task: TaskPlan, truth: NDArray[np.int64]) -> Tensor | None:
    """How much each label counts, float32 (labels,), for training labels (n,), -1 without:
    inversely to how often it occurs. ``None``: all alike.
    """
    if task.loss == "plain":
        return None
    counts = np.bincount(truth[truth >= 0], minlength=len(task.labels)).astype(np.float64)
    weights = np.zeros_like(counts)
    there = counts > 0
    weights[there] = counts.sum() / (there.sum() * counts[there])
    return torch.from_numpy(weights.astype(np.float32))


def loss_of(
    logits: Mapping[str, Tensor],
    truth: Mapping[str, Tensor],
    plan: ModelPlan,
    weights: Mapping[str, Tensor | None],
) -> Tensor | None:
    """Cross-entropy, a weighted sum over the tasks; ``None`` where no row has any label.

    ``truth``: task -> int64 (rows,), -1 where a row has no label: it contributes nothing then.
    """
    total: Tensor | None = None
    for task, rules in plan.tasks.items():
        labelled = truth[task] >= 0
        if not bool(labelled.any()):
            continue
        one = rules.weight * torch.nn.functional.cross_entropy(
            logits[task][labelled],
            truth[task][labelled],
            weight=weights[task],
            label_smoothing=rules.label_smoothing,
        )
        total = one if total is None else total + one
    return total


def hide_inputs(
    batches: list[InputBatch], share: float, rng: np.random.Generator
) -> list[InputBatch]:
    """Each input of each window hidden with a probability of ``share``, but never all that are
    there.
    """
    there = _there(batches)
    hidden = (rng.random(there.shape) < share) & there
    spared = _one_of(there, rng)
    lost = there.any(axis=1) & ~(there & ~hidden).any(axis=1)
    hidden[lost] &= ~spared[lost]
    return _masked(batches, ~hidden)


def only_one_input(batches: list[InputBatch], rng: np.random.Generator) -> list[InputBatch]:
    """Each window as if one of its inputs, by chance, were all that it has."""
    return _masked(batches, _one_of(_there(batches), rng))


def answer(network: nn.Module, batches: list[InputBatch]) -> Mapping[str, Tensor]:
    """Logits of each task."""
    logits: Mapping[str, Tensor] = network(batches).logits
    return logits


def _there(batches: list[InputBatch]) -> NDArray[np.bool_]:
    """Which inputs have samples, bool (rows, inputs)."""
    return np.stack([batch.present.any(dim=1).cpu().numpy() for batch in batches], axis=1)


def _one_of(there: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """One of the inputs that are there in each row, by chance; none where none is."""
    chosen = np.zeros_like(there)
    chosen[np.arange(len(there)), np.where(there, rng.random(there.shape), -1.0).argmax(axis=1)] = 1
    return chosen & there


def _masked(batches: list[InputBatch], kept: NDArray[np.bool_]) -> list[InputBatch]:
    out = []
    for place, batch in enumerate(batches):
        keep = torch.from_numpy(kept[:, place].copy()).to(batch.present.device)
        out.append(InputBatch(batch.features, batch.steps, batch.present & keep.unsqueeze(-1)))
    return out
