"""Intervals: as wide as they have to be, over groups where there are some, and paired."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evaluation.answers import drawn, predictions
from workers.errors import EvaluationError
from workers.evaluation.bootstrap import difference_interval, draw_weights, interval_of


def _coin(right: int, count: int, groups: list[str] | None = None) -> object:
    said = [[0.1, 0.9]] * right + [[0.9, 0.1]] * (count - right)
    return predictions(["yes"] * count, said, groups=groups)


def test_the_interval_of_a_share_is_that_of_the_binomial() -> None:
    """400 items at 0.75: 1.96 * sqrt(0.75 * 0.25 / 400) = 0.0424 to each side."""
    low, high = interval_of("accuracy", [_coin(300, 400)]) or (0, 0)
    assert low == pytest.approx(0.75 - 0.0424, abs=0.006)
    assert high == pytest.approx(0.75 + 0.0424, abs=0.006)


def test_items_of_a_group_are_drawn_together() -> None:
    weights = draw_weights(["a", "a", "b", "c"], 50)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, [1, 2, 3]].sum(axis=1) == 3).all()


def test_groups_make_the_interval_wider_than_items_do() -> None:
    """Ten people, each of whom is wholly right or wrong, are ten observations, not 400."""
    groups = [str(number // 40) for number in range(400)]
    over_items = interval_of("accuracy", [_coin(200, 400)]) or (0, 0)
    over_groups = interval_of("accuracy", [_coin(200, 400, groups)]) or (0, 0)
    assert over_groups[1] - over_groups[0] > 4 * (over_items[1] - over_items[0])


def test_the_same_predictions_give_the_same_interval() -> None:
    assert interval_of("f1_macro", [drawn(100, 3)]) == interval_of("f1_macro", [drawn(100, 3)])


def test_a_difference_is_measured_on_the_same_draws() -> None:
    """One is right wherever the other is, and once more: every draw agrees that it is no worse."""
    value, interval = difference_interval("accuracy", [_coin(51, 100)], [_coin(50, 100)])
    assert value == pytest.approx(0.01)
    assert interval is not None
    assert interval[0] >= 0.0
    assert interval[1] < 0.05


def test_a_difference_of_a_model_from_itself_is_nothing() -> None:
    assert difference_interval("auc", [drawn(50, 2)], [drawn(50, 2)]) == (0.0, (0.0, 0.0))


def test_items_in_another_order_are_the_same_items() -> None:
    given = drawn(50, 3)
    turned = given.only(np.arange(50)[::-1].copy())
    value, interval = difference_interval("accuracy", [given], [turned])
    assert (value, interval) == (0.0, (0.0, 0.0))


def test_other_items_are_an_error() -> None:
    with pytest.raises(EvaluationError, match="expected the same 50 items"):
        difference_interval("accuracy", [drawn(50, 2)], [drawn(49, 2)])


def test_a_metric_that_is_undefined_in_most_draws_has_no_interval() -> None:
    assert interval_of("auc", [predictions(["yes"] * 3, [[0.5, 0.5]] * 3)]) is None
