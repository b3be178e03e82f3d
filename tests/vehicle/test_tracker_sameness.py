"""The tracker's result depends on what the sensors of the session gave, and on nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vehicle.scenes import FRAME_US, Scene, drive, same, shuffled
from workers.vehicle.tracking import EgoMotion, Observation, Parameters, State, Tracker

TRACKER = Tracker(Parameters())
FRAMES = 10


def _session(seed: int) -> list[Observation]:
    """A drive of its own kind: with other sensors missing, other times, with ego motion or not."""
    mood, scene = np.random.default_rng(seed), Scene(seed, 1 + seed % 6)
    ego = EgoMotion(8.0, 0.05) if seed % 3 == 0 else None
    found = []
    for frame in range(FRAMES):
        whole = scene.observation(frame, ego)
        lists = [each for each in whole.lists if mood.random() < 0.8]
        ahead = int(mood.integers(0, 2)) * FRAME_US // 3
        found.append(Observation(whole.time_us + ahead, lists, ego))
    return found


@given(seeds=st.lists(st.integers(0, 99), min_size=2, max_size=4))
@settings(max_examples=5, deadline=None)
def test_sessions_in_one_batch_are_as_alone_to_the_bit(seeds: list[int]) -> None:
    sessions = [_session(seed) for seed in seeds]
    states = [State()] * len(seeds)
    together = []
    for frame in range(FRAMES):
        states, objects = TRACKER.step(states, [session[frame] for session in sessions])
        together.append(objects)
    for at, session in enumerate(sessions):
        state, alone = drive(TRACKER, session)
        assert state.to_bytes() == states[at].to_bytes()
        assert all(same(one, objects[at]) for one, objects in zip(alone, together, strict=True))


@given(seed=st.integers(0, 99), mix=st.integers(0, 99))
@settings(max_examples=5, deadline=None)
def test_the_order_of_detections_and_lists_has_no_effect(seed: int, mix: int) -> None:
    session = _session(seed)
    mixed = [shuffled(each, mix + at) for at, each in enumerate(session)]
    state, objects = drive(TRACKER, session)
    other_state, others = drive(TRACKER, mixed)
    assert state.to_bytes() == other_state.to_bytes()
    assert all(same(one, other) for one, other in zip(objects, others, strict=True))


@given(seed=st.integers(0, 99), cut=st.integers(1, FRAMES - 1))
@settings(max_examples=5, deadline=None)
def test_a_state_that_was_written_and_read_in_mid_drive_goes_on_alike(seed: int, cut: int) -> None:
    session = _session(seed)
    end, objects = drive(TRACKER, session)
    middle, _ = drive(TRACKER, session[:cut])
    resumed, others = drive(TRACKER, session[cut:], State.from_bytes(middle.to_bytes()))
    assert resumed.to_bytes() == end.to_bytes()
    assert all(same(one, other) for one, other in zip(objects[cut:], others, strict=True))


@given(seed=st.integers(0, 99))
@settings(max_examples=5, deadline=None)
def test_covariances_stay_symmetric_and_positive_definite(seed: int) -> None:
    _, told = drive(TRACKER, _session(seed))
    for objects in told:
        for each in objects.covariance[objects.placed]:
            assert np.array_equal(each, each.T)
            assert np.linalg.eigvalsh(each).min() > 0


def test_a_state_is_not_changed_by_the_step_that_follows() -> None:
    session = _session(1)
    state, _ = drive(TRACKER, session[:5])
    before = state.to_bytes()
    TRACKER.step([state], [session[5]])
    assert state.to_bytes() == before


def test_states_and_observations_have_to_be_as_many() -> None:
    with pytest.raises(ValueError, match="each of 1 states, got 0"):
        TRACKER.step([State()], [])


def test_no_sessions_are_no_objects() -> None:
    assert TRACKER.step([], []) == ([], [])
