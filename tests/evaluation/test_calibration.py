"""The calibration error of answers whose error is known."""

from __future__ import annotations

import math

import pytest

from tests.evaluation.answers import predictions
from workers.evaluation.calibration import reliability


def test_answers_that_are_as_often_right_as_they_are_sure_have_no_error() -> None:
    given = predictions(["yes"] * 8 + ["no"] * 2, [[0.2, 0.8]] * 10)
    assert reliability(given).ece == pytest.approx(0.0)


def test_the_error_is_how_much_surer_than_right_they_are() -> None:
    given = predictions(["yes"] * 5 + ["no"] * 5, [[0.2, 0.8]] * 10)
    assert reliability(given).ece == pytest.approx(0.3)


def test_bins_weigh_as_their_items() -> None:
    given = predictions(["yes"] * 3 + ["no"], [[0.0, 1.0]] * 3 + [[0.4, 0.6]])
    assert reliability(given).ece == pytest.approx(0.25 * 0.6)


def test_a_probability_of_one_is_in_the_last_bin() -> None:
    found = reliability(predictions(["yes"], [[0.0, 1.0]]), bins=10)
    assert found.counts.tolist() == [0] * 9 + [1]


def test_items_without_an_answer_are_in_no_bin() -> None:
    found = reliability(predictions(["yes"], [[math.nan, math.nan]]))
    assert found.counts.sum() == 0
    assert math.isnan(found.ece)
