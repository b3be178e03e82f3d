"""Lidar sweeps to boxes: ground, clusters, box fit, kinds, on scenes whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from workers.vehicle.lidar.boxes import Box, fit_box
from workers.vehicle.lidar.clusters import ClusterRules, clusters
from workers.vehicle.lidar.ground import GroundRules, above_ground, ground_height
from workers.vehicle.lidar.kinds import BODIES, completed, guess
from workers.vehicle.lidar.sweeps import SweepRules, objects_of

HEIGHT_M = 1.73
Floats = NDArray[np.float64]


def road(slope: float = 0.0, spread: float = 0.0) -> Floats:
    """A road from 3 to 40 m ahead, rising by ``slope``, with a point every half metre."""
    x, y = np.meshgrid(np.arange(3.0, 40.0, 0.5), np.arange(-12.0, 12.0, 0.5))
    noise = np.random.default_rng(1).uniform(-spread, spread, x.size)
    z = slope * x.ravel() - HEIGHT_M + noise
    return np.stack([x.ravel(), y.ravel(), z], axis=1)


def sides(box: Box, step_m: float = 0.1) -> Floats:
    """The two sides of a box that face the origin, as a scanner would see them."""
    cos, sin = np.cos(box.yaw), np.sin(box.yaw)
    u = np.arange(-box.length / 2, box.length / 2 + step_m / 2, step_m)
    v = np.arange(-box.width / 2, box.width / 2 + step_m / 2, step_m)
    along = -(box.x * cos + box.y * sin)
    across = -(-box.x * sin + box.y * cos)
    plane = np.concatenate(
        [
            np.stack([np.full_like(v, np.sign(along) * box.length / 2), v], axis=1),
            np.stack([u, np.full_like(u, np.sign(across) * box.width / 2)], axis=1),
        ]
    )
    xy = plane @ np.array([[cos, sin], [-sin, cos]]) + [box.x, box.y]
    heights = np.arange(box.z - box.height / 2, box.z + box.height / 2 + 0.01, 0.2)
    return np.concatenate([np.column_stack([xy, np.full(len(xy), z)]) for z in heights])


def car(x: float, y: float, yaw: float = 0.0) -> Box:
    body = BODIES["car"]
    return Box(x, y, body.height / 2 - HEIGHT_M, body.length, body.width, body.height, yaw)


def test_a_flat_road_is_ground() -> None:
    assert not above_ground(road(spread=0.05), GroundRules()).any()


@pytest.mark.parametrize("slope", [-0.1, 0.1])
def test_a_road_that_rises_or_falls_is_ground(slope: float) -> None:
    assert not above_ground(road(slope), GroundRules()).any()


def test_what_stands_on_the_road_is_not_ground() -> None:
    box = car(15.0, 2.0)
    points = np.concatenate([road(), sides(box)])
    standing = above_ground(points, GroundRules())
    high = points[:, 2] > -HEIGHT_M + 0.4
    assert standing[high].all()


def test_the_ground_under_an_object_is_the_road_in_front_of_it() -> None:
    points = np.concatenate([road(), sides(car(15.0, 2.0))])
    assert ground_height(points, GroundRules())[-1] == pytest.approx(-HEIGHT_M, abs=0.1)


def test_returns_nearer_than_a_cell_are_one_cluster_and_farther_ones_two() -> None:
    line = np.column_stack([np.arange(5.0, 7.0, 0.1), np.zeros(20), np.zeros(20)])
    near, far = line + np.array([0.0, 0.25, 0.0]), line + np.array([0.0, 2.0, 0.0])
    rules = ClusterRules()
    assert [len(group) for group in clusters(np.concatenate([line, near]), rules)] == [40]
    assert [len(group) for group in clusters(np.concatenate([line, far]), rules)] == [20, 20]


def test_a_cluster_of_few_returns_is_left_out() -> None:
    few = np.full((7, 3), 5.0)
    assert clusters(few, ClusterRules(least_points=8)) == []


@settings(max_examples=40, deadline=None)
@given(
    st.floats(8.0, 30.0), st.floats(-10.0, 10.0), st.floats(-1.5, 1.5), st.integers(0, 2**32 - 1)
)
def test_the_fitted_box_lies_as_the_seen_sides_do(
    x: float, y: float, yaw: float, seed: int
) -> None:
    box = car(x, y, yaw)
    noise = np.random.default_rng(seed).normal(0.0, 0.01, (1, 3))
    fitted = fit_box(sides(box) + noise, -HEIGHT_M)
    turned = (fitted.yaw - yaw + np.pi / 4) % (np.pi / 2) - np.pi / 4
    assert abs(turned) < np.deg2rad(3.0)
    assert np.hypot(fitted.x - x, fitted.y - y) < 0.3


@pytest.mark.parametrize(("yaw", "y"), [(0.0, 0.0), (0.0, 3.5), (0.4, -4.0), (-1.2, 6.0)])
def test_a_car_seen_from_two_sides_is_a_car_where_it_is(yaw: float, y: float) -> None:
    truth = car(18.0, y, yaw)
    points = np.concatenate([road(), sides(truth)]).astype(np.float32)
    (found,) = objects_of(points, SweepRules())
    assert found.class_ == "car"
    assert found.box3d is not None
    assert np.hypot(found.box3d[0] - truth.x, found.box3d[1] - truth.y) < 0.4


def test_a_back_alone_is_completed_away_from_the_lidar() -> None:
    seen = Box(9.0, 0.0, -0.9, 1.75, 0.2, 1.5, np.pi / 2)
    whole = completed(seen, BODIES["car"])
    assert whole.x == pytest.approx(9.0 - 0.1 + BODIES["car"].length / 2, abs=0.01)
    assert abs(whole.yaw) < 1e-6


def test_kinds_are_told_apart_by_size_and_a_wall_is_none_of_them() -> None:
    def of(length: float, width: float, height: float) -> str:
        return guess(Box(15.0, 0.0, 0.0, length, width, height, 0.0)).kind

    assert of(4.2, 1.8, 1.5) == "car"
    assert of(0.6, 0.5, 1.75) == "pedestrian"
    assert of(9.0, 2.5, 3.1) == "truck"
    assert of(25.0, 0.4, 2.0) == "other"


def test_the_probabilities_of_a_guess_add_up_to_one() -> None:
    assert sum(guess(car(10.0, 0.0)).probabilities.values()) == pytest.approx(1.0)


def test_what_is_inside_a_surer_object_is_part_of_it() -> None:
    # Returns from seats, seen through the rear window, apart from the car's back.
    truth = car(12.0, 0.0)
    seats = np.random.default_rng(1).uniform([11.0, -0.4, -1.0], [11.4, 0.4, -0.3], (40, 3))
    points = np.concatenate([road(), sides(truth), seats]).astype(np.float32)
    assert [found.class_ for found in objects_of(points, SweepRules(unknown=True))] == ["car"]


def test_an_empty_sweep_has_no_objects() -> None:
    assert objects_of(np.zeros((0, 4), np.float32), SweepRules()) == []


def test_beams_that_are_written_as_endlessly_far_take_no_object_from_a_sweep() -> None:
    sweep = np.concatenate([road(), sides(Box(12.0, 0.5, -0.93, 4.2, 1.8, 1.6, 0.1))])
    lost = np.full((50, 3), np.finfo(np.float32).max)
    found = objects_of(sweep.astype(np.float32), SweepRules())
    assert found
    assert objects_of(np.concatenate([sweep, lost]).astype(np.float32), SweepRules()) == found


def test_what_no_known_kind_fits_is_listed_only_where_it_is_asked_for() -> None:
    wall = sides(Box(20.0, 0.0, 0.0, 14.0, 9.0, 3.4, 0.0))
    points = np.concatenate([road(), wall]).astype(np.float32)
    assert objects_of(points, SweepRules()) == []
    assert [o.class_ for o in objects_of(points, SweepRules(unknown=True))] == ["unknown"]
