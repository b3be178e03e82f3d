"""What a radar return says of a track: the extended Kalman filter's derivative and what it does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.vehicle.tracking.updates import radar_residual

NOISE = np.array([0.5, 0.02, 0.3])
MOUNT = np.array([[3.5, 0.4, 0.2]])


def _residual(
    mean: np.ndarray[tuple[int, ...], np.dtype[np.float64]], seen: list[float]
) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    ego = np.array([[9.0, 0.0, 0.1]])
    return list(radar_residual(mean[None], np.eye(6)[None], np.array([seen]), MOUNT, ego, NOISE))


@given(x=st.floats(8, 80), y=st.floats(-20, 20), vx=st.floats(-20, 20), vy=st.floats(-5, 5))
@settings(max_examples=30, deadline=None)
def test_the_derivative_is_what_small_differences_give(
    x: float, y: float, vx: float, vy: float
) -> None:
    mean = np.array([x, y, 0.0, vx, vy, 0.0])
    _, observe, _ = _residual(mean, [20.0, 0.0, 0.0])
    for column in range(6):
        step = np.zeros(6)
        step[column] = 1e-5
        more, less = (_residual(mean + sign * step, [20.0, 0.0, 0.0])[0] for sign in (1, -1))
        assert observe[0, :, column] == pytest.approx((less - more)[0] / 2e-5, abs=1e-4)


def test_a_return_from_where_the_track_is_leaves_nothing_over() -> None:
    mean = np.array([3.5 + 20.0, 0.4, 0.0, 9.0, 0.0, 0.0])
    # It moves as the car does, which also turns: the radar, 0.4 m to the left, goes back a little.
    residual, _, _ = _residual(mean, [20.0, -0.2, 0.1 * 0.4])
    assert residual[0] == pytest.approx([0, 0, 0], abs=1e-9)
