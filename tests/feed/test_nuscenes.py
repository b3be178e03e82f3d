"""Sample folders as nuScenes lays them out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from schemas.sample import Modality
from streams.errors import FeedError
from streams.feed.formats import open_tracks
from streams.feed.nuscenes import is_sample_folder
from streams.feed.track import ReadOptions

Write = Callable[[str, str | bytes], Path]
SWEEP = np.arange(10, dtype="<f4").tobytes()
T0 = 1_532_402_927_612_460


def test_each_sensor_is_a_track_with_its_own_times(write: Write, jpeg: bytes) -> None:
    write(f"s/n015-x__CAM_FRONT__{T0}.jpg", jpeg)
    write(f"s/n015-x__CAM_FRONT__{T0 + 83_000}.jpg", jpeg)
    folder = write(f"s/n015-x__LIDAR_TOP__{T0 + 35_000}.pcd.bin", SWEEP).parent
    tracks = open_tracks(folder, ReadOptions())
    times = {track.label: [reading.start_us for reading in track.read()] for track in tracks}
    assert times == {"CAM_FRONT": [T0, T0 + 83_000], "LIDAR_TOP": [T0 + 35_000]}
    assert {track.clock for track in tracks} == {"epoch"}


def test_sweeps_lose_their_fifth_column(write: Write) -> None:
    folder = write(f"s/log__LIDAR_TOP__{T0}.pcd.bin", SWEEP).parent
    (track,) = open_tracks(folder, ReadOptions())
    (reading,) = track.read()
    points = np.frombuffer(reading.payload, "<f4").reshape(-1, 4)
    assert track.modalities == (Modality.POINTS,)
    assert points.tolist() == [[0, 1, 2, 3], [5, 6, 7, 8]]


def test_folders_per_sensor_below_samples_are_found(write: Write, jpeg: bytes) -> None:
    write(f"root/samples/CAM_BACK/log__CAM_BACK__{T0}.jpg", jpeg)
    file = write(f"root/sweeps/CAM_BACK/log__CAM_BACK__{T0 + 1}.jpg", jpeg)
    (track,) = open_tracks(file.parents[2], ReadOptions())
    assert (track.label, track.count) == ("CAM_BACK", 2)


def test_two_files_of_a_sensor_with_one_time_are_an_error(write: Write, jpeg: bytes) -> None:
    write(f"s/a__CAM_FRONT__{T0}.jpg", jpeg)
    folder = write(f"s/b__CAM_FRONT__{T0}.jpg", jpeg).parent
    with pytest.raises(FeedError, match="share a time"):
        open_tracks(folder, ReadOptions())


def test_a_folder_of_other_names_is_none(write: Write, jpeg: bytes) -> None:
    assert not is_sample_folder(write("s/000001.jpg", jpeg).parent)
