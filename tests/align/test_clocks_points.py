from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.align.clock import points
from streams.align.clock.points import BUCKET_US, MAX_POINTS, MAX_RATE, Point

S = 1_000_000
CLOUDS = st.dictionaries(
    st.integers(0, 600 * S), st.integers(-5 * S, 5 * S), min_size=2, max_size=MAX_POINTS
).map(lambda cloud: sorted(cloud.items()))


@given(CLOUDS)
def test_no_point_lies_below_the_hull(cloud: list[Point]) -> None:
    hull = points.lower_hull(cloud)
    for (t0, d0), (t1, d1) in pairwise(hull):
        assert all((d - d0) * (t1 - t0) >= (d1 - d0) * (t - t0) for t, d in cloud if t0 <= t <= t1)


@given(CLOUDS)
def test_no_point_lies_below_the_line(cloud: list[Point]) -> None:
    at_us, rate = points.line_under(cloud, 0, 0, drifting=True)
    few = cloud if cloud[-1][0] - cloud[0][0] >= points.RATE_SPAN_US else cloud[-3:]
    assert all(d >= at_us + points.along(rate, t) - 1 for t, d in few)


@given(CLOUDS, st.integers(-MAX_RATE, MAX_RATE))
def test_no_other_line_under_the_points_is_nearer_to_them(cloud: list[Point], other: int) -> None:
    def mean_distance(rate: int) -> float:
        at_us = min(d - rate * t / 1e9 for t, d in cloud)
        return sum(d - at_us - rate * t / 1e9 for t, d in cloud) / len(cloud)

    # A rate is rounded to a part in 10**9: a microsecond in a quarter of an hour.
    assert mean_distance(points.rate_under(cloud)) <= mean_distance(other) + 1


def test_a_rate_that_no_clock_has_is_bounded() -> None:
    assert points.rate_under([(0, 0), (S, S)]) == MAX_RATE


def test_of_a_bucket_the_lowest_point_is_kept() -> None:
    kept: list[Point] = []
    for point in [(1, 50), (2, 30), (3, 40)]:
        points.fold(kept, BUCKET_US, 0, point)
    assert kept == [(2, 30)]


def test_of_a_bucket_the_lowest_point_is_the_one_lowest_along_the_drift() -> None:
    kept: list[Point] = [(0, 0)]
    points.fold(kept, BUCKET_US, 1_000, (4 * S, 3))
    assert kept == [(4 * S, 3)]


@given(st.lists(st.tuples(st.integers(-100 * S, 900 * S), st.integers(0, S)), max_size=120))
def test_points_are_few_and_in_order_of_time(records: list[Point]) -> None:
    kept: list[Point] = []
    width_us = BUCKET_US
    for record in records:
        width_us = points.prune(kept, width_us, 0, record[0], drifting=True)
        points.fold(kept, width_us, 0, record)
        assert len(kept) <= MAX_POINTS + 1
        assert [t for t, _ in kept] == sorted({t for t, _ in kept})


def test_points_past_the_span_are_dropped() -> None:
    kept = [(n * BUCKET_US, 0) for n in range(16)]
    points.prune(kept, BUCKET_US, 0, 100 * S, drifting=False)
    assert kept[0] == (40 * S, 0)


def test_a_rare_sensor_keeps_a_few_points_for_longer() -> None:
    kept = [(n * 100 * S, 0) for n in range(8)]
    points.prune(kept, BUCKET_US, 0, 800 * S, drifting=False)
    assert kept == [(n * 100 * S, 0) for n in range(4, 8)]


def test_buckets_grow_so_that_a_drift_is_read_off_a_long_span() -> None:
    kept: list[Point] = []
    width_us = BUCKET_US
    for n in range(150):
        points.fold(kept, width_us, 0, (n * BUCKET_US, 0))
        width_us = points.prune(kept, width_us, 0, n * BUCKET_US, drifting=True)
    assert kept[-1][0] - kept[0][0] >= 500 * S


@pytest.mark.parametrize("drifting", [False, True])
def test_one_point_is_a_line(drifting: bool) -> None:
    assert points.line_under([(5, 70)], 9, 0, drifting) == (70, 0)
