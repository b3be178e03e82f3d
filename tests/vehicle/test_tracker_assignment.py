"""Detections and tracks are assigned as the Hungarian method does, session by session."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from workers.vehicle.tracking.assignment import assign
from workers.vehicle.tracking.geometry import pairs


@given(
    tracks=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    detections=st.lists(st.integers(0, 5), min_size=4, max_size=4),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_as_many_pairs_and_as_cheap_as_each_session_by_itself(
    tracks: list[int], detections: list[int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    left_of = np.repeat(np.arange(len(tracks)), tracks)
    right_of = np.repeat(np.arange(len(tracks)), detections[: len(tracks)])
    left, right = pairs(left_of, right_of)
    allowed = rng.random(len(left)) < 0.5
    left, right = left[allowed], right[allowed]
    cost = rng.random(len(left))
    mine, theirs = assign(left, right, cost, left_of[left])
    assert len(set(mine.tolist())) == len(mine)
    assert len(set(theirs.tolist())) == len(theirs)
    table = np.full((len(left_of), len(right_of)), 1e6)
    table[left, right] = cost
    assert (table[mine, theirs] < 1e6).all()
    for session in range(len(tracks)):
        block = table[np.ix_(left_of == session, right_of == session)]
        rows, columns = linear_sum_assignment(block)
        expected = block[rows, columns]
        expected = expected[expected < 1e6]
        of = left_of[mine] == session
        assert of.sum() == len(expected)
        assert np.isclose(table[mine[of], theirs[of]].sum(), expected.sum())
