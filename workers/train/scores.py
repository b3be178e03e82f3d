"""How good answers are, in one number per task: for the choice between epochs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from workers.train.optimisation import EarlyStopping

#: Probabilities below this count as this, so that one certain error is no infinite loss.
_LEAST = 1e-12


def scores_of(probabilities: NDArray[np.float64], truth: NDArray[np.int64]) -> dict[str, float]:
    """Scores over the rows that have a label: probabilities (n, labels), truth (n,), -1 without.

    ``balanced_accuracy`` and ``macro_f1`` are means over the labels that occur; empty without any.
    """
    labelled = truth >= 0
    if not labelled.any():
        return {}
    true, shown = truth[labelled], probabilities[labelled]
    said = shown.argmax(axis=1)
    recalls, f1s = [], []
    for label in np.unique(true):
        hit = float(np.count_nonzero((said == label) & (true == label)))
        recalls.append(hit / np.count_nonzero(true == label))
        f1s.append(2.0 * hit / (np.count_nonzero(true == label) + np.count_nonzero(said == label)))
    chosen = np.maximum(shown[np.arange(len(true)), true], _LEAST)
    return {
        "loss": float(-np.log(chosen).mean()),
        "accuracy": float((said == true).mean()),
        "balanced_accuracy": float(np.mean(recalls)),
        "macro_f1": float(np.mean(f1s)),
    }


def deciding(found: Mapping[str, Mapping[str, float]], rules: EarlyStopping) -> float | None:
    """The score that decides, higher is better; ``None`` where nothing was scored.

    ``found``: task -> its scores.
    """
    scored = [
        scores[rules.metric]
        for task, scores in found.items()
        if scores and rules.task in (None, task)
    ]
    if not scored:
        return None
    mean = float(np.mean(scored))
    return -mean if rules.metric == "loss" else mean
