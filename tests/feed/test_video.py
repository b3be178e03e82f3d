"""Video files become JPEG frames at the times that the file says."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from schemas.sample import Modality
from streams.errors import FeedError
from streams.feed.track import ReadOptions
from streams.feed.video import FrameClock, video_tracks


def grey(payload: bytes) -> float:
    return float(cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_GRAYSCALE).mean())


@pytest.mark.parametrize("name", ["film.avi", "film.mp4", "film.mkv"])
def test_each_frame_comes_once_at_its_time(name: str, film: Callable[..., Path]) -> None:
    (track,) = video_tracks(film(name, frames=12, fps=25.0), ReadOptions())

    readings = list(track.read())

    assert [reading.start_us for reading in readings] == [40_000 * n for n in range(12)]
    assert track.count == 12
    assert track.modalities[0] is Modality.VIDEO


def test_frames_are_the_pictures_of_the_file_in_its_order(film: Callable[..., Path]) -> None:
    (track,) = video_tracks(film(frames=10), ReadOptions())
    greys = [grey(reading.payload) for reading in track.read()]
    assert all(abs(found - index * 8) < 6 for index, found in enumerate(greys))


def test_max_fps_keeps_every_other_frame_of_a_film_twice_as_fast(film: Callable[..., Path]) -> None:
    (track,) = video_tracks(film(frames=10, fps=10.0), ReadOptions(max_fps=5.0))
    assert [reading.start_us for reading in track.read()] == [200_000 * n for n in range(5)]
    assert track.count == 5


def test_max_fps_above_the_film_keeps_all(film: Callable[..., Path]) -> None:
    (track,) = video_tracks(film(frames=10, fps=10.0), ReadOptions(max_fps=30.0))
    assert len(list(track.read())) == 10


def test_a_lower_quality_makes_smaller_frames(film: Callable[..., Path]) -> None:
    path = film(frames=3)
    sizes = [
        sum(len(reading.payload) for reading in video_tracks(path, options)[0].read())
        for options in (ReadOptions(jpeg_quality=95), ReadOptions(jpeg_quality=1))
    ]
    assert sizes[1] < sizes[0]


def test_a_file_that_is_no_video_is_refused_by_name(write: Callable[..., Path]) -> None:
    path = write("broken.mp4", b"not a film" * 100)
    with pytest.raises(FeedError, match=r"broken\.mp4: expected a video"):
        video_tracks(path, ReadOptions())


def test_container_times_that_grow_are_believed() -> None:
    clock = FrameClock(10.0)
    assert [clock.next_us(ms) for ms in (0.0, 90.0, 210.0)] == [0, 90_000, 210_000]


def test_from_a_container_time_that_stands_still_the_frame_rate_counts() -> None:
    clock = FrameClock(10.0)
    assert [clock.next_us(ms) for ms in (0.0, 90.0, 90.0, 500.0)] == [0, 90_000, 190_000, 290_000]


def test_a_container_without_times_plays_at_its_frame_rate() -> None:
    clock = FrameClock(20.0)
    assert [clock.next_us(0.0) for _ in range(3)] == [0, 50_000, 100_000]


def test_without_times_and_frame_rate_there_is_no_time() -> None:
    clock = FrameClock(0.0)
    clock.next_us(0.0)
    assert clock.next_us(0.0) is None


def test_vtest_has_795_frames_at_10_per_second(shared_data: Path) -> None:
    (track,) = video_tracks(shared_data / "vehicle/video/vtest.avi", ReadOptions(jpeg_quality=50))

    times = [reading.start_us for reading in track.read()]

    assert len(times) == 795 == track.count
    assert {after - before for before, after in pairwise(times)} == {100_000}
