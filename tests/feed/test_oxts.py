"""The vehicle's own motion from KITTI's GNSS and inertial unit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.sample import Modality
from streams.errors import FeedError
from streams.feed.formats import open_tracks
from streams.feed.track import ReadOptions

Write = Callable[[str, str | bytes], Path]


def line(speed: float, turning: float) -> str:
    values = [0.0] * 30
    values[8], values[22] = speed, turning
    return " ".join(map(str, values)) + "\n"


def drive(write: Write, *frames: str) -> Path:
    for number, text in enumerate(frames):
        write(f"d/oxts/data/{number:010d}.txt", text)
    times = [f"2011-09-26 13:02:0{k}.100000000\n" for k in range(len(frames))]
    return write("d/oxts/timestamps.txt", "".join(times)).parent


def test_speed_and_turning_are_a_series_with_the_units_own_times(write: Write) -> None:
    (track,) = open_tracks(drive(write, line(8.5, 0.02), line(9.0, -0.01)), ReadOptions())
    readings = list(track.read())
    assert track.modalities == (Modality.SERIES,)
    assert [json.loads(reading.payload) for reading in readings] == [
        {"speed_mps": 8.5, "yaw_rate_radps": 0.02},
        {"speed_mps": 9.0, "yaw_rate_radps": -0.01},
    ]
    assert readings[1].start_us - readings[0].start_us == 1_000_000


def test_a_line_of_other_length_names_its_file(write: Write) -> None:
    (track,) = open_tracks(drive(write, "1 2 3\n"), ReadOptions())
    with pytest.raises(FeedError, match=r"0000000000\.txt: expected 30 numbers"):
        list(track.read())


def test_a_frame_without_a_moment_is_an_error(write: Write) -> None:
    folder = drive(write, line(1.0, 0.0))
    write("d/oxts/data/0000000007.txt", line(1.0, 0.0))
    with pytest.raises(FeedError, match=r"got 0000000007\.txt"):
        open_tracks(folder, ReadOptions())
