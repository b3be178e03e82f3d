"""A session's tracks as bytes, and the tracker's parameters as a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vehicle.scenes import Scene, drive
from workers.errors import TrackingError
from workers.vehicle.tracking import Parameters, State, Tracker, load_parameters


@pytest.fixture
def state() -> State:
    return drive(Tracker(Parameters()), [Scene(1).observation(at) for at in range(3)])[0]


def test_bytes_are_read_back_to_the_same_bytes(state: State) -> None:
    assert State.from_bytes(state.to_bytes()).to_bytes() == state.to_bytes()


def test_a_session_without_tracks_is_a_few_bytes() -> None:
    assert len(State().to_bytes()) == 33


def test_a_track_takes_280_bytes(state: State) -> None:
    assert len(state.to_bytes()) == 33 + 280 * len(state.tracks)


@pytest.mark.parametrize("damage", [b"", b"TRK0", b"\0" * 50])
def test_other_bytes_are_refused(damage: bytes) -> None:
    with pytest.raises(TrackingError, match="expected a session's tracks"):
        State.from_bytes(damage)


def test_bytes_that_end_early_are_refused(state: State) -> None:
    with pytest.raises(TrackingError, match="expected 4 tracks of 280 bytes"):
        State.from_bytes(state.to_bytes()[:-1])


def test_parameters_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "parameters.json"
    path.write_text(Parameters(max_tracks=7).model_dump_json())
    assert load_parameters(path) == Parameters(max_tracks=7)


def test_a_missing_file_of_parameters_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="expected the tracker's parameters"):
        load_parameters(tmp_path / "none.json")


@pytest.mark.parametrize("text", ["{", '{"unknown": 1}', '{"classes": ["car"]}'])
def test_a_damaged_file_of_parameters_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "parameters.json"
    path.write_text(text)
    with pytest.raises(TrackingError, match="make it anew with"):
        load_parameters(path)
