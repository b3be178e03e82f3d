"""Audio files become chunks of PCM that touch, and add up to the file."""

from __future__ import annotations

import csv
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from schemas.content_type import pcm_format
from streams.errors import FeedError
from streams.feed.audio import audio_tracks
from streams.feed.track import Reading, ReadOptions


def read(path: Path, **options: object) -> list[list[Reading]]:
    return [list(track.read()) for track in audio_tracks(path, ReadOptions(**options))]  # type: ignore[arg-type]


def signal(readings: list[Reading]) -> np.ndarray:
    return np.frombuffer(b"".join(reading.payload for reading in readings), "<i2")


@pytest.mark.parametrize("name", ["tone.wav", "tone.flac"])
def test_chunks_hold_every_sample_of_the_file(name: str, tone: Callable[..., Path]) -> None:
    path = tone(name, seconds=1.2345)
    (readings,) = read(path)
    assert (signal(readings) == soundfile.read(str(path), dtype="int16")[0]).all()


def test_the_last_short_chunk_is_included(tone: Callable[..., Path]) -> None:
    (readings,) = read(tone(seconds=0.5), chunk_ms=200)
    assert [(r.start_us, r.end_us) for r in readings] == [
        (0, 200_000),
        (200_000, 400_000),
        (400_000, 500_000),
    ]


def test_chunks_touch_at_a_rate_that_no_microsecond_fits(tone: Callable[..., Path]) -> None:
    (readings,) = read(tone(rate_hz=44_100, seconds=2.0), chunk_ms=33)
    assert all(before.end_us == after.start_us for before, after in pairwise(readings))
    assert readings[-1].end_us == 2_000_000


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
def test_the_files_rate_is_kept(rate_hz: int, tone: Callable[..., Path]) -> None:
    (readings,) = read(tone(rate_hz=rate_hz))
    assert pcm_format(readings[0].content_type).rate_hz == rate_hz


def test_a_rate_above_48_khz_is_resampled_to_the_same_tone(tone: Callable[..., Path]) -> None:
    (readings,) = read(tone(rate_hz=96_000, seconds=1.0))

    assert pcm_format(readings[0].content_type).rate_hz == 48_000
    assert readings[-1].end_us == 1_000_000
    expected = 0.5 * np.sin(2 * np.pi * 200 * np.arange(48_000) / 48_000) * 32768
    # The ends are where a filter has no neighbours to go by.
    assert np.abs(signal(readings) - expected)[500:-500].max() < 20


def test_each_channel_is_a_track_of_its_own(tone: Callable[..., Path]) -> None:
    path = tone(channels=2)
    tracks = audio_tracks(path, ReadOptions())
    assert [track.label for track in tracks] == ["1", "2"]
    both = soundfile.read(str(path), dtype="int16")[0]
    for channel, track in enumerate(tracks):
        assert (signal(list(track.read())) == both[:, channel]).all()


def test_mono_mixes_the_channels(tone: Callable[..., Path]) -> None:
    path = tone(channels=2)
    (readings,) = read(path, mono=True)
    mean = soundfile.read(str(path))[0].mean(axis=1) * 32768
    assert np.abs(signal(readings) - mean).max() <= 1


def test_float_audio_beyond_full_scale_is_clipped(tmp_path: Path) -> None:
    path = tmp_path / "loud.wav"
    soundfile.write(str(path), np.array([2.0, -2.0, np.nan, 0.25]), 8_000, subtype="FLOAT")
    (readings,) = read(path)
    assert signal(readings).tolist() == [32767, -32768, 0, 8192]


def test_a_rate_below_8_khz_is_refused(tone: Callable[..., Path]) -> None:
    with pytest.raises(FeedError, match="expected at least 8000 Hz, got 4000"):
        read(tone(rate_hz=4_000))


def test_a_file_without_audio_is_refused(tone: Callable[..., Path]) -> None:
    with pytest.raises(FeedError, match="no frames"):
        read(tone(seconds=0.0))


def test_a_file_that_is_no_audio_is_refused_by_name(write: Callable[..., Path]) -> None:
    with pytest.raises(FeedError, match=r"noise\.wav: expected audio that libsndfile can open"):
        read(write("noise.wav", b"RIFF" + bytes(100)))


def test_a_flac_that_is_cut_short_breaks_off_with_an_error(tone: Callable[..., Path]) -> None:
    path = tone("cut.flac", seconds=20.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(FeedError, match=r"cut\.flac: expected .*(cut short|damaged)"):
        read(path)


def test_the_count_is_the_number_of_chunks(tone: Callable[..., Path]) -> None:
    for seconds in (0.001, 0.2, 0.4001):
        (track,) = audio_tracks(tone(seconds=seconds), ReadOptions())
        assert track.count == len(list(track.read()))


def test_emodb_durations_are_those_of_its_labels(shared_data: Path) -> None:
    folder = shared_data / "calls/emodb"
    with (folder / "labels.csv").open(newline="") as file:
        labels = list(csv.DictReader(file))
    assert len(labels) == 266

    for row in labels:
        path = folder / "flac" / row["file"]
        (readings,) = read(path)
        frames = soundfile.info(str(path)).frames
        assert sum(len(reading.payload) for reading in readings) == 2 * frames
        assert readings[-1].end_us == round(frames * 1e6 / 16_000)
        assert abs(readings[-1].end_us / 1e6 - float(row["duration_s"])) <= 0.0006


@pytest.mark.parametrize("name", ["tone.ogg", "tone.mp3"])
def test_lossy_files_last_as_long_as_they_sound(name: str, tone: Callable[..., Path]) -> None:
    (readings,) = read(tone(name, seconds=1.5))
    # An encoder pads to whole frames of up to 1,152 samples, twice.
    assert readings[-1].end_us / 1e6 == pytest.approx(1.5, abs=0.15)
    loud = signal(readings)[4_000:20_000].astype(float)
    assert np.sqrt((loud**2).mean()) == pytest.approx(0.5 * 32768 / np.sqrt(2), rel=0.05)
