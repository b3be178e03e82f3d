"""Predictions as tests write them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workers.evaluation.predictions import Predictions


def predictions(
    truth: Sequence[str],
    probabilities: Sequence[Sequence[float]],
    labels: Sequence[str] = ("no", "yes"),
    groups: Sequence[str] | None = None,
) -> Predictions:
    """One window in each session."""
    sessions = tuple(f"s{number}" for number in range(len(truth)))
    return Predictions(
        "task",
        tuple(labels),
        sessions,
        tuple(groups or sessions),
        np.zeros(len(truth), np.int64),
        np.asarray([labels.index(each) for each in truth], np.int64),
        np.asarray(probabilities, np.float64).reshape(len(truth), len(labels)),
    )


def drawn(count: int, labels: int, seed: int = 1) -> Predictions:
    """Random answers that are right more often than not, some with tied probabilities."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(labels, size=count)
    scores = rng.random((count, labels)) + 0.7 * np.eye(labels)[truth]
    probabilities = (scores / scores.sum(axis=1, keepdims=True)).round(2)
    names = [f"l{number}" for number in range(labels)]
    return predictions([names[each] for each in truth], probabilities.tolist(), names)
