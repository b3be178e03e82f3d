"""Metrics of a classifier over weighted items: an item drawn twice by a bootstrap weighs two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.errors import EvaluationError
from workers.evaluation.predictions import Predictions

#: The label of what is none of the others, in data sets that have it.
OUT_OF_SCOPE = "out_of_scope"

Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Metric:
    """``of``: predictions, and float64 (rows, n) weights of their items, to a value for each row
    of weights, float64 (rows,); NaN where it is undefined, such as the AUC of one label only.
    ``title``: as tables name it.
    """

    title: str
    of: Callable[[Predictions, Weights], Weights]


def confusion(predictions: Predictions) -> NDArray[np.int64]:
    """Items by truth and prediction, int64 (labels, labels + 1); the last column is of items
    without an answer.
    """
    labels = len(predictions.labels)
    cells = predictions.truth * (labels + 1) + _said(predictions)
    return np.bincount(cells, minlength=labels * (labels + 1)).reshape(labels, labels + 1)


def accuracy(predictions: Predictions, weights: Weights) -> Weights:
    """Share of items whose most probable label is the true one."""
    right = (predictions.predicted == predictions.truth).astype(np.float64)
    return _ratio(weights @ right, weights.sum(axis=1))


def balanced_accuracy(predictions: Predictions, weights: Weights) -> Weights:
    """Mean of the recall of each label that occurs; also called unweighted average recall."""
    right, true, _ = _counts(predictions, weights)
    return _mean(_divide(right, true), true > 0)


def precision_macro(predictions: Predictions, weights: Weights) -> Weights:
    """Mean precision over the labels that occur or are predicted; 0 for one never predicted."""
    right, true, said = _counts(predictions, weights)
    return _mean(_divide(right, said), (true > 0) | (said > 0))


def recall_macro(predictions: Predictions, weights: Weights) -> Weights:
    """Mean recall over the labels that occur or are predicted; 0 for one that does not occur."""
    right, true, said = _counts(predictions, weights)
    return _mean(_divide(right, true), (true > 0) | (said > 0))


def f1_macro(predictions: Predictions, weights: Weights) -> Weights:
    """Mean F1 over the labels that occur or are predicted."""
    right, true, said = _counts(predictions, weights)
    return _mean(_divide(2 * right, true + said), (true > 0) | (said > 0))


def f1_weighted(predictions: Predictions, weights: Weights) -> Weights:
    """Mean F1 of the labels, each weighing as often as it occurs."""
    right, true, said = _counts(predictions, weights)
    return _ratio((_divide(2 * right, true + said) * true).sum(axis=1), true.sum(axis=1))


def auc(predictions: Predictions, weights: Weights) -> Weights:
    """Area under the ROC curve: of the second label where there are two, else the mean of each
    label against the rest, over labels that occur and do not occur.

    Equals the probability that a random positive scores above a random negative, ties counting
    half (Hanley and McNeil, Radiology 143, 1982). NaN where an item has no answer.
    """
    labels = range(len(predictions.labels))
    chosen = [1] if len(labels) == 2 else labels
    found = np.stack([_auc_of(predictions, weights, label) for label in chosen], axis=1)
    return _mean(np.nan_to_num(found), ~np.isnan(found))


def in_scope_accuracy(predictions: Predictions, weights: Weights) -> Weights:
    """Accuracy over the items whose truth is not ``OUT_OF_SCOPE``; one taken for it is wrong."""
    return accuracy(predictions, weights * (predictions.truth != _out_of_scope(predictions)))


def out_of_scope_recall(predictions: Predictions, weights: Weights) -> Weights:
    """Share of the items that are ``OUT_OF_SCOPE`` which are taken for it."""
    return accuracy(predictions, weights * (predictions.truth == _out_of_scope(predictions)))


METRICS: Mapping[str, Metric] = {
    "accuracy": Metric("accuracy", accuracy),
    "balanced_accuracy": Metric("balanced accuracy (UAR)", balanced_accuracy),
    "precision_macro": Metric("precision (macro)", precision_macro),
    "recall_macro": Metric("recall (macro)", recall_macro),
    "f1_macro": Metric("F1 (macro)", f1_macro),
    "f1_weighted": Metric("F1 (weighted)", f1_weighted),
    "auc": Metric("AUC", auc),
    "in_scope_accuracy": Metric("in-scope accuracy", in_scope_accuracy),
    "out_of_scope_recall": Metric("out-of-scope recall", out_of_scope_recall),
}


def find_metric(name: str) -> Metric:
    """The metric of a name. Raises ``EvaluationError`` where there is none."""
    if name not in METRICS:
        raise EvaluationError(f"metric: expected one of {', '.join(METRICS)}, got {name[:40]!r}")
    return METRICS[name]


def usual_metrics(predictions: Predictions) -> tuple[str, ...]:
    """Names of the metrics that say something of these labels."""
    scoped = {"in_scope_accuracy", "out_of_scope_recall"}
    has_scope = OUT_OF_SCOPE in predictions.labels
    return tuple(name for name in METRICS if has_scope or name not in scoped)


def value_of(name: str, predictions: Predictions) -> float:
    """A metric with every item weighing the same. Raises ``EvaluationError`` for its name."""
    return float(find_metric(name).of(predictions, np.ones((1, len(predictions))))[0])


def _out_of_scope(predictions: Predictions) -> int:
    if OUT_OF_SCOPE not in predictions.labels:
        raise EvaluationError(
            f"task {predictions.task!r}: expected a label {OUT_OF_SCOPE!r}, got none; take a "
            "metric without scope"
        )
    return predictions.labels.index(OUT_OF_SCOPE)


def _auc_of(predictions: Predictions, weights: Weights, label: int) -> Weights:
    scores = predictions.probabilities[:, label]
    if np.isnan(scores).any():
        return np.full(len(weights), np.nan)
    order = np.argsort(scores, kind="stable")
    ties = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    positive = predictions.truth[order] == label
    ordered = weights[:, order]
    up = np.add.reduceat(ordered * positive, ties, axis=1)
    down = np.add.reduceat(ordered * ~positive, ties, axis=1)
    below = np.cumsum(down, axis=1) - down
    pairs = up.sum(axis=1) * down.sum(axis=1)
    return _ratio((up * (below + down / 2)).sum(axis=1), pairs)


def _said(predictions: Predictions) -> NDArray[np.int64]:
    """Positions of the predicted labels; one past the last where there is no answer."""
    predicted = predictions.predicted
    return np.asarray(np.where(predicted < 0, len(predictions.labels), predicted), np.int64)


def _counts(predictions: Predictions, weights: Weights) -> tuple[Weights, Weights, Weights]:
    """Per label: weight that is right, weight of the truth, weight of the predictions; each
    float64 (rows, labels).
    """
    labels = len(predictions.labels)
    true = np.eye(labels)[predictions.truth]
    said = np.eye(labels + 1)[_said(predictions)][:, :labels]
    right: Weights = weights @ (true * said)
    return right, weights @ true, weights @ said


def _divide(above: Weights, below: Weights) -> Weights:
    divided: Weights = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return divided


def _mean(values: Weights, counted: NDArray[np.bool_]) -> Weights:
    """Of each row, over what is counted; NaN where nothing is."""
    return _ratio((values * counted).sum(axis=1), counted.sum(axis=1).astype(np.float64))


def _ratio(above: Weights, below: Weights) -> Weights:
    ratio: Weights = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return ratio
