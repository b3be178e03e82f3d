"""Curves and steps, of which every world is made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.scenes.curves import Curve, Steps

points = st.lists(
    st.tuples(st.integers(0, 50), st.floats(-100, 100)),
    min_size=1,
    max_size=8,
    unique_by=lambda p: p[0],
).map(sorted)


@given(points)
def test_a_curve_passes_through_its_keyframes(keyframes: list[tuple[int, float]]) -> None:
    curve = Curve(keyframes)

    assert [curve.at(t) for t, _ in keyframes] == pytest.approx([v for _, v in keyframes])


@given(points, st.floats(-5, 55))
def test_a_curve_stays_between_the_keyframes_around_a_moment(
    keyframes: list[tuple[int, float]], time_s: float
) -> None:
    before = [v for t, v in keyframes if t <= time_s][-1:]
    after = [v for t, v in keyframes if t >= time_s][:1]
    near = before + after

    assert min(near) - 1e-6 <= Curve(keyframes).at(time_s) <= max(near) + 1e-6


def test_a_curve_does_not_jump_at_a_keyframe() -> None:
    curve = Curve([(0.0, 0.0), (1.0, 5.0), (3.0, 4.0)])

    assert curve.at(1.0 - 1e-9) == pytest.approx(curve.at(1.0 + 1e-9))


def test_keyframes_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="ascending time"):
        Curve([(1.0, 0.0), (1.0, 2.0)])


def test_a_span_that_ends_where_a_step_begins_has_one_value() -> None:
    assert Steps([(0.0, "a"), (5.0, "b")]).throughout(3.0, 5.0) == "a"


def test_a_span_across_two_steps_of_the_same_value_has_that_value() -> None:
    assert Steps([(0.0, "a"), (5.0, "a"), (7.0, "b")]).throughout(3.0, 6.0) == "a"


def test_a_span_in_which_a_value_comes_and_goes_has_none() -> None:
    assert Steps([(0.0, "a"), (5.0, "b"), (6.0, "a")]).throughout(4.0, 9.0) is None
