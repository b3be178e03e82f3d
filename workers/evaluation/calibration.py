"""How far a model's probabilities can be taken at their word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.predictions import Predictions

#: As in Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
BINS = 15


@dataclass(frozen=True, slots=True)
class Reliability:
    """Answered items by the probability of their predicted label, in bins of equal width.

    ``counts`` int64, ``confidence`` (mean probability) and ``accuracy`` float64, each (bins,);
    NaN in a bin without items.
    """

    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def ece(self) -> float:
        """Expected calibration error: mean distance of accuracy from confidence, each bin weighing
        as its items; NaN without any.
        """
        if not self.counts.sum():
            return float("nan")
        filled = self.counts > 0
        apart = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float(np.average(apart, weights=self.counts[filled]))


def reliability(predictions: Predictions, bins: int = BINS) -> Reliability:
    """The bins ((i)/bins, (i + 1)/bins]; see ``Reliability``."""
    answered = predictions.predicted >= 0
    predicted = predictions.predicted[answered]
    sure = predictions.probabilities[answered].max(axis=1, initial=0.0)
    right = (predicted == predictions.truth[answered]).astype(np.float64)
    place = np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    mean = np.full((2, bins), np.nan)
    for row, values in zip(mean, (sure, right), strict=True):
        total = np.bincount(place, values, minlength=bins)
        np.divide(total, counts, out=row, where=counts > 0)
    return Reliability(counts, mean[0], mean[1])
