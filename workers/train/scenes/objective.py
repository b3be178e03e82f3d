"""What training minimises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax

from workers.fusion.network import Network
from workers.fusion.tokens import TokenBatch
from workers.train.scenes.auxiliary import ModalityHeads
from workers.train.scenes.recording import LabelledWindow, label_indices


@dataclass(frozen=True, slots=True)
class Objective:
    """Weights of the parts of the loss, against 1 for the fused answer."""

    label_smoothing: float = 0.02
    #: What each modality says by itself of what it can tell.
    alone: float = 0.5
    #: Distance from even probabilities of an answer that nothing left in the window can give.
    unknown: float = 0.3


def _targets(
    windows: Sequence[LabelledWindow], labels: tuple[str, ...], task: str
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Labels that the window's samples can tell (-1: none), and where they cannot tell it."""
    truth = label_indices(windows, labels, task)
    can_tell = np.asarray([window.can_tell(task) for window in windows])
    return np.where(can_tell, truth, -1), (truth >= 0) & ~can_tell


def _own_targets(
    windows: Sequence[LabelledWindow], target: NDArray[np.int64], task: str, modality: int
) -> NDArray[np.int64]:
    """Labels that one modality, which is in the window, can tell by itself (-1: none)."""
    tells = [modality in window.tellers.get(task, frozenset()) for window in windows]
    there = [bool((window.modalities == modality).any()) for window in windows]
    return np.where(np.asarray(tells) & np.asarray(there), target, -1)


def loss_of(
    network: Network,
    heads: ModalityHeads,
    batch: TokenBatch,
    windows: Sequence[LabelledWindow],
    objective: Objective,
) -> Tensor:
    """Sum over tasks of three cross-entropies: of the fused answer, of each modality's own answer
    to what it can tell, and, for what was dropped from a window, against even probabilities.

    Asking a modality for what it cannot know teaches it to know the training sessions instead: a
    face that must name an intent learns whose face it is.
    """
    device = batch.features.device
    fused = network.fusion(batch).logits
    alone = heads(batch)
    total = torch.zeros((), device=device)

    def add(logits: Tensor, indices: NDArray[np.int64], weight: float, smoothing: float) -> None:
        nonlocal total
        if (indices >= 0).any():
            target = torch.from_numpy(indices).to(device)
            part = cross_entropy(logits, target, ignore_index=-1, label_smoothing=smoothing)
            total = total + weight * part

    for task, labels in network.tasks.items():
        target, unknown = _targets(windows, labels, task)
        add(fused[task], target, 1.0, objective.label_smoothing)
        for modality in range(alone[task].shape[1]):
            own = _own_targets(windows, target, task, modality)
            add(alone[task][:, modality], own, objective.alone, 0.0)
        if unknown.any():
            open_answers = log_softmax(fused[task][torch.from_numpy(unknown).to(device)], dim=-1)
            total = total - objective.unknown * open_answers.mean()
    return total
