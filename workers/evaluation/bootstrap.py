"""Intervals by bootstrap: items, or whole groups of them, drawn again with replacement.

Percentile intervals (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13). Where
several items are of one group (a speaker, a patient) groups are drawn: their items are not
independent, and intervals over items would be too narrow (Davison and Hinkley, 1997, 3.8).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.errors import EvaluationError
from workers.evaluation.metrics import find_metric
from workers.evaluation.predictions import Predictions

#: Draws: the ends of a 95 % interval then rest on 25 draws each, about a tenth of its width.
RESAMPLES = 1_000
_LEVEL = 0.95
_SEED = 20_170_713

Interval = tuple[float, float]


def interval_of(
    metric: str, repetitions: Sequence[Predictions], resamples: int = RESAMPLES
) -> Interval | None:
    """95 % interval of a metric's mean over repetitions, which have the same items in any order.

    ``None`` where a metric is undefined in most draws. The same predictions give the same one.
    """
    return _ends(_drawn(metric, repetitions, resamples))


def difference_interval(
    metric: str,
    first: Sequence[Predictions],
    second: Sequence[Predictions],
    resamples: int = RESAMPLES,
) -> tuple[float, Interval | None]:
    """The mean of ``first`` less that of ``second``, and its interval: paired, both are measured
    on the same draws.
    """
    whole = np.ones((1, len(first[0])))
    value = _measured(metric, _aligned(first), whole) - _measured(
        metric, _aligned(second, first[0]), whole
    )
    drawn = _drawn(metric, first, resamples) - _drawn(metric, second, resamples, first[0])
    return float(value[0]), _ends(drawn)


def draw_weights(groups: Sequence[str], resamples: int) -> NDArray[np.float64]:
    """How often each item was drawn, float64 (resamples, n); all items of a group as often."""
    names, members = np.unique(np.asarray(groups), return_inverse=True)
    draws = np.random.default_rng(_SEED).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=resamples
    )
    return draws[:, members].astype(np.float64)


def _drawn(
    metric: str,
    repetitions: Sequence[Predictions],
    resamples: int,
    like: Predictions | None = None,
) -> NDArray[np.float64]:
    aligned = _aligned(repetitions, like)
    return _measured(metric, aligned, draw_weights(aligned[0].groups, resamples))


def _measured(
    metric: str, repetitions: Sequence[Predictions], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The mean over repetitions for each row of weights, float64 (rows,)."""
    of = find_metric(metric).of
    return np.asarray(np.mean([of(each, weights) for each in repetitions], axis=0), np.float64)


def _aligned(
    repetitions: Sequence[Predictions], like: Predictions | None = None
) -> list[Predictions]:
    """The same items in the same order. Raises ``EvaluationError`` where the items differ."""
    wanted = _keys(like if like is not None else repetitions[0])
    aligned = []
    for each in repetitions:
        at = {key: position for position, key in enumerate(_keys(each))}
        if at.keys() != set(wanted) or len(at) != len(wanted):
            raise EvaluationError(
                f"bootstrap: expected the same {len(wanted)} items in each repetition, got "
                f"{len(at)}, of which {len(at.keys() & set(wanted))} are among them"
            )
        aligned.append(each.only(np.asarray([at[key] for key in wanted], np.int64)))
    return aligned


def _keys(predictions: Predictions) -> list[tuple[str, int]]:
    return list(zip(predictions.sessions, predictions.starts_us.tolist(), strict=True))


def _ends(values: NDArray[np.float64]) -> Interval | None:
    defined = values[~np.isnan(values)]
    if len(defined) * 2 < len(values):
        return None
    low, high = np.quantile(defined, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)
