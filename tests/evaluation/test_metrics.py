"""Metrics against scikit-learn, and where scikit-learn has no word."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.evaluation.answers import drawn, predictions
from workers.errors import EvaluationError
from workers.evaluation.metrics import METRICS, confusion, find_metric, value_of
from workers.evaluation.predictions import Predictions

sklearn_metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is an extra")


def _reference(name: str, given: Predictions, weights: np.ndarray) -> float:
    truth, said = given.truth, given.predicted
    usual = {"sample_weight": weights, "zero_division": 0}
    if name == "accuracy":
        return float(sklearn_metrics.accuracy_score(truth, said, sample_weight=weights))
    if name == "balanced_accuracy":
        return float(sklearn_metrics.balanced_accuracy_score(truth, said, sample_weight=weights))
    if name == "auc":
        scores = given.probabilities
        if scores.shape[1] == 2:
            return float(sklearn_metrics.roc_auc_score(truth, scores[:, 1], sample_weight=weights))
        each = [
            sklearn_metrics.roc_auc_score(truth == label, scores[:, label], sample_weight=weights)
            for label in range(scores.shape[1])
        ]
        return float(np.mean(each))
    metric, average = name.split("_")
    score = getattr(sklearn_metrics, f"{metric}_score")
    return float(score(truth, said, average=average, **usual))


@pytest.mark.parametrize("labels", [2, 5])
@pytest.mark.parametrize("name", [name for name in METRICS if "scope" not in name])
def test_a_metric_is_that_of_scikit_learn(name: str, labels: int) -> None:
    given = drawn(200, labels)
    expected = _reference(name, given, np.ones(200))
    assert value_of(name, given) == pytest.approx(expected)


@pytest.mark.parametrize("labels", [2, 5])
@pytest.mark.parametrize("name", [name for name in METRICS if "scope" not in name])
def test_weights_count_as_in_scikit_learn(name: str, labels: int) -> None:
    given = drawn(200, labels)
    weights = np.random.default_rng(2).integers(0, 4, (3, 200)).astype(np.float64)
    expected = [_reference(name, given, row) for row in weights]
    assert find_metric(name).of(given, weights) == pytest.approx(expected)


def test_an_item_without_an_answer_is_wrong() -> None:
    given = predictions(["yes", "yes"], [[0.1, 0.9], [math.nan, math.nan]])
    assert value_of("accuracy", given) == 0.5


def test_an_item_without_an_answer_has_a_column_of_its_own() -> None:
    given = predictions(["yes", "yes"], [[0.1, 0.9], [math.nan, math.nan]])
    assert confusion(given).tolist() == [[0, 0, 0], [0, 1, 1]]


def test_in_scope_accuracy_leaves_out_what_is_out_of_scope() -> None:
    given = predictions(
        ["a", "a", "out_of_scope"],
        [[0.9, 0.1], [0.2, 0.8], [0.9, 0.1]],
        ("a", "out_of_scope"),
    )
    assert value_of("in_scope_accuracy", given) == 0.5
    assert value_of("out_of_scope_recall", given) == 0.0


def test_the_auc_of_one_label_is_undefined() -> None:
    assert math.isnan(value_of("auc", predictions(["yes"], [[0.5, 0.5]])))


def test_a_scope_that_is_not_there_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="expected a label 'out_of_scope'"):
        value_of("in_scope_accuracy", predictions(["yes"], [[0.5, 0.5]]))


def test_the_label_is_the_one_that_is_published() -> None:
    """Equal after rounding to what a result has: the first of them."""
    given = predictions(["no"], [[0.49999, 0.50001]])
    assert given.predicted.tolist() == [0]
