"""The car's own speed is taken out of range rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.vehicle.radar.doppler import Mount, range_rate_of_standing, speed_over_ground

ONE = np.ones(1)


def test_what_stands_ahead_approaches_with_the_cars_speed() -> None:
    rate = range_rate_of_standing(np.array([[50.0, 0.0]]), 20.0 * ONE, 0.0 * ONE)
    assert rate == pytest.approx([-20.0])


def test_what_stands_abreast_does_not_approach() -> None:
    rate = range_rate_of_standing(np.array([[0.0, 7.0]]), 20.0 * ONE, 0.0 * ONE)
    assert rate == pytest.approx([0.0])


def test_a_car_that_keeps_its_distance_drives_as_fast() -> None:
    speed = speed_over_ground(np.array([[50.0, 0.0]]), np.zeros(1), 20.0 * ONE, 0.0 * ONE)
    assert speed == pytest.approx([20.0])


@given(
    st.floats(1.0, 100.0), st.floats(-50.0, 50.0), st.floats(-5.0, 40.0), st.floats(-0.5, 0.5),
    st.floats(-1.0, 4.0), st.floats(-1.0, 1.0), st.floats(-3.0, 3.0),
)  # fmt: skip
def test_a_standing_object_has_no_speed_wherever_the_radar_sits(
    x: float, y: float, speed: float, yaw_rate: float, ahead: float, left: float, turned: float
) -> None:
    mount = Mount(ahead, left, turned)
    cos, sin = np.cos(turned), np.sin(turned)
    in_radar = np.array([[x * cos + y * sin, -x * sin + y * cos]])
    step_s = 1e-6
    # The car drives and turns for a moment; the object stays.
    turn = yaw_rate * step_s
    from_axle = np.array([x + ahead, y + left]) - [speed * step_s, 0.0]
    seen = np.array(
        [
            from_axle[0] * np.cos(turn) + from_axle[1] * np.sin(turn) - ahead,
            -from_axle[0] * np.sin(turn) + from_axle[1] * np.cos(turn) - left,
        ]
    )
    rate = (np.hypot(*seen) - np.hypot(x, y)) / step_s
    speed_left = speed_over_ground(in_radar, np.array([rate]), speed * ONE, yaw_rate * ONE, mount)
    assert speed_left == pytest.approx([0.0], abs=1e-3)
