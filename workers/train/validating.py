"""How good a network is between two epochs."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from workers.learned.answers import probabilities_of
from workers.learned.network import LearnedNetwork
from workers.train.examples import Examples
from workers.train.scores import scores_of


def validate(
    network: LearnedNetwork, examples: Examples, batch_windows: int
) -> dict[str, dict[str, float]]:
    """Task -> metric -> score over labelled windows. The network is in evaluation mode after it.

    In larger batches than a worker's, so that answers may differ from its in their last bits.
    """
    network.eval()
    parts: dict[str, list[NDArray[np.float64]]] = {task: [] for task in network.plan.tasks}
    with torch.inference_mode():
        for start in range(0, len(examples), batch_windows):
            chosen = range(start, min(start + batch_windows, len(examples)))
            output = network.fusion(examples.batch(chosen))
            for task, values in probabilities_of(output, network.plan).items():
                parts[task].append(values)
    return {
        task: scores_of(np.concatenate(values), examples.labels[task])
        for task, values in parts.items()
    }
