"""From logits to probabilities that add up to 1, out of scope among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from workers.learned.network import NetworkOutput
from workers.learned.plan import ModelPlan, TaskPlan


@dataclass(frozen=True, slots=True)
class Answer:
    """One window's answer: per task float64 (labels,) of sum 1, and the share of each input that
    has samples (sum 1; empty for a window without any).
    """

    probabilities: Mapping[str, NDArray[np.float64]]
    shares: Mapping[str, float]


def scoped(probabilities: NDArray[np.float64], task: TaskPlan) -> NDArray[np.float64]:
    """Probabilities (rows, labels) with what ``task`` says of out of scope, see ``OutOfScope``."""
    if task.out_of_scope is None:
        return probabilities
    weights = probabilities.copy()
    weights[:, task.labels.index(task.out_of_scope.label)] += task.out_of_scope.threshold
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)


def probabilities_of(output: NetworkOutput, plan: ModelPlan) -> dict[str, NDArray[np.float64]]:
    """Task -> float64 (rows, labels). A probability is NaN where the network makes it so."""
    # float64, so that a task's probabilities add up to 1 as far as JSON shows them.
    return {
        task: scoped(torch.softmax(logits.double(), dim=-1).cpu().numpy(), plan.tasks[task])
        for task, logits in output.logits.items()
    }


def answers_of(output: NetworkOutput, plan: ModelPlan, count: int) -> list[Answer]:
    """The first ``count`` rows as answers."""
    shares = output.shares.double().cpu().numpy()
    tasks = probabilities_of(output, plan)
    return [
        Answer(
            {task: values[row] for task, values in tasks.items()},
            {name: float(s) for name, s in zip(plan.inputs, shares[row], strict=True) if s > 0.0},
        )
        for row in range(count)
    ]
