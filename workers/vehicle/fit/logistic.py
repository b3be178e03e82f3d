"""Logistic regression with a penalty, by Newton's method: a few columns, thousands of rows."""

from __future__ import annotations

import numpy as np

from workers.vehicle.tracking.detections import Floats

_STEPS = 30


def fit_logistic(features: Floats, answers: Floats, *, prior: Floats, strength: float) -> Floats:
    """Weights (k,) of ``features`` (n, k) for ``answers`` (n,) of 0 and 1.

    A normal prior around ``prior`` (k,) with precision ``strength``: what the data does not tell
    stays there.

    >>> ones = np.ones((4, 1))
    >>> weights = fit_logistic(ones, np.array([1.0, 1, 1, 0]), prior=np.zeros(1), strength=1e-9)
    >>> round(float(np.exp(weights[0])), 3)
    3.0
    """
    weights = prior.astype(np.float64)
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(features @ weights, -30, 30)))
        slope = features.T @ (answers - chance) - strength * (weights - prior)
        spread = chance * (1 - chance)
        bend = (features * spread[:, None]).T @ features + strength * np.eye(len(weights))
        weights = weights + np.clip(np.linalg.solve(bend, slope), -2.0, 2.0)
    return weights
