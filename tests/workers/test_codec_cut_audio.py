"""Cutting audio: every frame is in exactly one part, the one that holds its time."""

from __future__ import annotations

import io
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from schemas.content_type import pcm_format
from schemas.sample import Modality, Sample
from streams.compute import BadSample
from tests.workers.cut_helpers import START_US, grid, interval, parts_of
from tests.workers.payloads import container, tone
from workers.codecs.cut import cut, interval_us

PCM = "audio/pcm;rate=16000;channels=1;format=s16le"
RATES = (8_000, 11_025, 16_000, 22_050, 44_100, 48_000)


def counted(frames: int, channels: int = 1, format: str = "s16le", first: int = 0) -> bytes:
    """Frames that each hold their own number in every channel."""
    numbers = np.arange(first, first + frames).astype("<f4" if format == "f32le" else "<i2")
    return np.repeat(numbers, channels).tobytes()


def pcm(rate_hz: int, frames: int, duration_us: int = 0, **form: int) -> Sample:
    channels = form.get("channels", 1)
    content_type = f"audio/pcm;rate={rate_hz};channels={channels};format=s16le"
    return interval(Modality.AUDIO, content_type, counted(frames, channels), duration_us)


def file_of(values: np.ndarray, kind: str, subtype: str, rate_hz: int = 16_000) -> Sample:
    buffer = io.BytesIO()
    soundfile.write(buffer, values, rate_hz, format=kind, subtype=subtype)
    return interval(Modality.AUDIO, f"audio/{kind.lower()}", buffer.getvalue())


def values_of(part: Sample) -> np.ndarray:
    form = pcm_format(part.content_type)
    dtype = "<i2" if form.sample_format == "s16le" else "<f4"
    return np.frombuffer(part.payload, dtype).reshape(-1, form.channels)


@st.composite
def chunks(draw: st.DrawFn) -> Sample:
    rate_hz, channels = draw(st.sampled_from(RATES)), draw(st.integers(1, 3))
    format = draw(st.sampled_from(("s16le", "f32le")))
    frames = draw(st.integers(1, 400))
    exact_us = round(Fraction(frames * 1_000_000, rate_hz))
    duration_us = draw(st.sampled_from((0, exact_us, exact_us + 1, exact_us - 1, 5_000_000, 1)))
    return interval(
        Modality.AUDIO,
        f"audio/pcm;rate={rate_hz};channels={channels};format={format}",
        counted(frames, channels, format),
        duration_us,
    )


bounds = st.lists(st.integers(-200, 60_000), max_size=12).map(
    lambda after: sorted(START_US + us for us in after)
)


@given(chunk=chunks(), bounds_us=bounds)
def test_the_parts_of_a_chunk_are_the_chunk_byte_for_byte(
    chunk: Sample, bounds_us: list[int]
) -> None:
    parts = parts_of(chunk, bounds_us)
    assert b"".join(part.payload for part in parts) == chunk.payload
    assert all(part.payload for part in parts)
    assert {part.content_type for part in parts} == {chunk.content_type}


@given(chunk=chunks(), bounds_us=bounds)
def test_each_frame_is_in_the_part_that_holds_its_time(chunk: Sample, bounds_us: list[int]) -> None:
    rate_hz = pcm_format(chunk.content_type).rate_hz
    for part in parts_of(chunk, bounds_us):
        for number in values_of(part)[:, 0]:
            time_us = chunk.start_us + Fraction(int(number) * 1_000_000, rate_hz)
            assert part.start_us <= time_us < part.end_us
            # The last bound that is not after the frame is the one at which its part begins.
            assert part.start_us == max(
                bound for bound in (chunk.start_us, *bounds_us) if bound <= time_us
            )


@given(chunk=chunks(), bounds_us=bounds)
def test_the_intervals_of_the_parts_touch_and_add_up_to_the_chunks(
    chunk: Sample, bounds_us: list[int]
) -> None:
    parts = parts_of(chunk, bounds_us)
    assert (parts[0].start_us, parts[-1].end_us) == interval_us(chunk)
    for before, after in pairwise(parts):
        assert before.end_us == after.start_us


@given(
    rate_hz=st.sampled_from(RATES),
    sizes=st.lists(st.integers(1, 3_000), min_size=1, max_size=12),
    tile_us=st.integers(1_000, 300_000),
    begins_us=st.integers(0, 10_000_000),
)
def test_parts_of_consecutive_chunks_over_a_window_grid_are_the_signal_in_order(
    rate_hz: int, sizes: list[int], tile_us: int, begins_us: int
) -> None:
    tiles: dict[int, list[np.ndarray]] = {}
    done = 0
    for size in sizes:
        # As a producer stamps them: each chunk at the rounded time of its first frame.
        start_us, end_us = (
            begins_us + round(Fraction(frame * 1_000_000, rate_hz)) for frame in (done, done + size)
        )
        chunk = interval(
            Modality.AUDIO,
            f"audio/pcm;rate={rate_hz};channels=1;format=f32le",
            counted(size, 1, "f32le", done),
            end_us - start_us,
            start_us,
        )
        for part in parts_of(chunk, grid(start_us, end_us, tile_us)):
            tiles.setdefault(part.start_us // tile_us, []).append(values_of(part)[:, 0])
        done += size
    assert list(tiles) == sorted(tiles)
    assert np.array_equal(np.concatenate([*chain(*tiles.values())]), np.arange(done))
    for tile, held in tiles.items():
        times_us = begins_us + np.concatenate(held).astype(np.float64) * 1e6 / rate_hz
        # A chunk's own start is rounded, so its frames may be half a microsecond off.
        assert times_us.min() > tile * tile_us - 1
        assert times_us.max() < (tile + 1) * tile_us + 1


def test_a_frame_exactly_at_a_bound_is_in_the_part_after_it() -> None:
    before, after = parts_of(pcm(16_000, 1_600), [START_US + 50_000])
    assert (before.end_us, after.start_us) == (START_US + 50_000, START_US + 50_000)
    assert values_of(before)[-1, 0] == 799
    assert values_of(after)[0, 0] == 800


def test_a_bound_a_microsecond_after_a_frame_leaves_it_before() -> None:
    before, _ = parts_of(pcm(16_000, 1_600), [START_US + 50_001])
    assert values_of(before)[-1, 0] == 800


def test_bounds_closer_than_a_frame_make_no_part_without_one() -> None:
    parts = parts_of(pcm(8_000, 3), [START_US + us for us in (130, 140, 150, 255, 370)])
    assert [(part.start_us - START_US, part.end_us - START_US) for part in parts] == [
        (0, 150),
        (150, 375),
    ]
    assert [values_of(part)[:, 0].tolist() for part in parts] == [[0, 1], [2]]


def test_frames_are_cut_whole_whatever_the_channels() -> None:
    before, after = parts_of(pcm(44_100, 441, channels=2), [START_US + 5_000])
    assert values_of(before).tolist() == [[number, number] for number in range(221)]
    assert values_of(after)[0].tolist() == [221, 221]


@pytest.mark.parametrize("rate_hz", [11_025, 44_100])
def test_a_chunk_without_a_duration_lasts_as_long_as_its_frames(rate_hz: int) -> None:
    assert interval_us(pcm(rate_hz, rate_hz // 3)) == (
        START_US,
        START_US + round(Fraction(rate_hz // 3 * 1_000_000, rate_hz)),
    )


def test_a_duration_less_than_a_frame_off_is_believed() -> None:
    assert interval_us(pcm(16_000, 1_600, 100_060)) == (START_US, START_US + 100_060)


@pytest.mark.parametrize("duration_us", [90_000, 100_063, 5_000_000])
def test_a_duration_that_the_frames_contradict_is_not_believed(duration_us: int) -> None:
    assert interval_us(pcm(16_000, 1_600, duration_us)) == (START_US, START_US + 100_000)


def test_a_chunk_that_no_bound_cuts_is_returned_as_it_is() -> None:
    chunk = pcm(16_000, 1_600, 100_000)
    (part,) = parts_of(chunk, [START_US - 5, START_US, START_US + 100_000, START_US + 200_000])
    assert part is chunk


def test_a_file_that_no_bound_cuts_keeps_its_bytes_and_has_its_true_interval() -> None:
    chunk = file_of(tone(440.0), "WAV", "PCM_16")
    (part,) = parts_of(chunk, [])
    assert (part.payload, part.content_type) == (chunk.payload, "audio/wav")
    assert part.end_us == START_US + 200_000


@pytest.mark.parametrize(
    ("kind", "subtype", "format"),
    [
        ("WAV", "PCM_16", "s16le"),
        ("WAV", "PCM_U8", "s16le"),
        ("WAV", "ULAW", "s16le"),
        ("WAV", "PCM_24", "f32le"),
        ("WAV", "FLOAT", "f32le"),
        ("WAV", "IMA_ADPCM", "f32le"),
        ("FLAC", "PCM_16", "s16le"),
        ("FLAC", "PCM_24", "f32le"),
    ],
)
def test_the_parts_of_a_file_are_its_values_without_loss(
    kind: str, subtype: str, format: str
) -> None:
    rng = np.random.default_rng(1)
    chunk = file_of(rng.uniform(-1, 1, (4_410, 2)), kind, subtype, 44_100)
    with soundfile.SoundFile(io.BytesIO(chunk.payload)) as file:
        expected = file.read(dtype="float64", always_2d=True)
    parts = parts_of(chunk, [START_US + 33_333, START_US + 70_001])
    assert len(parts) == 3
    assert {part.content_type for part in parts} == {
        f"audio/pcm;rate=44100;channels=2;format={format}"
    }
    scale = 32_768.0 if format == "s16le" else 1.0
    values = np.concatenate([values_of(part) for part in parts]).astype(np.float64) / scale
    assert np.array_equal(values, expected)


def test_wav_and_pcm_of_one_signal_are_cut_at_the_same_frames() -> None:
    chunk = interval(Modality.AUDIO, "audio/wav", container(tone(440.0), "wav"))
    plain = interval(Modality.AUDIO, PCM, chunk.payload[44:])
    bounds_us = [START_US + 12_345, START_US + 123_456]
    assert [part.payload for part in parts_of(chunk, bounds_us)] == [
        part.payload for part in parts_of(plain, bounds_us)
    ]


@pytest.fixture
def recordings(shared_data: Path) -> list[Path]:
    calls = shared_data / "calls"
    found = sorted(calls.glob("asr_snippets/*.wav"))[:3] + sorted(calls.glob("emodb/flac/*"))[:3]
    if not found:
        pytest.skip(f"needs the recordings of {calls}, which are not there")
    return found


def test_a_real_recording_cut_by_windows_adds_up_sample_for_sample(recordings: list[Path]) -> None:
    for path in recordings:
        chunk = interval(Modality.AUDIO, f"audio/{path.suffix[1:]}", path.read_bytes())
        expected, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
        true = interval_us(chunk)
        assert not isinstance(true, BadSample)
        assert abs(true[1] - true[0] - Fraction(len(expected) * 1_000_000, rate_hz)) <= 0.5
        parts = parts_of(chunk, grid(*true, 250_000))
        assert len(parts) >= len(expected) / rate_hz / 0.25
        assert np.array_equal(np.concatenate([values_of(part) for part in parts]), expected)


def test_chunks_of_a_real_recording_cut_by_windows_add_up_in_each_window(
    recordings: list[Path],
) -> None:
    for path in recordings:
        signal, rate_hz = soundfile.read(path, dtype="int16")
        windows: dict[int, list[np.ndarray]] = {}
        for first in range(0, len(signal), rate_hz * 3 // 10):
            start_us = round(Fraction(first * 1_000_000, rate_hz))
            chunk = interval(
                Modality.AUDIO,
                f"audio/pcm;rate={rate_hz};channels=1;format=s16le",
                signal[first : first + rate_hz * 3 // 10].astype("<i2").tobytes(),
                start_us=start_us,
            )
            for part in parts_of(chunk, grid(start_us, start_us + 300_000, 200_000)):
                windows.setdefault(part.start_us // 200_000, []).append(values_of(part)[:, 0])
        for window, held in windows.items():
            whole = signal[window * rate_hz // 5 : (window + 1) * rate_hz // 5]
            assert np.array_equal(np.concatenate(held), whole)


def truncated_flac() -> bytes:
    payload = container(tone(440.0, seconds=1.0), "flac")
    return payload[: len(payload) // 2]


@pytest.mark.parametrize(
    ("content_type", "payload", "reasons"),
    [
        (PCM, bytes(3_201), {"odd_length"}),
        (PCM, b"", {"empty_value"}),
        (PCM, bytes(2 * 16_000 * 61), {"audio_too_long"}),
        ("audio/pcm;rate=96000", bytes(19_200), {"unsupported_rate"}),
        ("audio/pcm;rate=16000;channels=9", bytes(28_800), {"unsupported_channels"}),
        ("audio/pcm;format=s24le", bytes(9_600), {"unsupported_format"}),
        (
            "audio/pcm;format=f32le",
            np.full(1_600, np.nan, "<f4").tobytes(),
            {"non_finite_value"},
        ),
        ("audio/wav", container(tone(440.0), "wav")[:-1_000], {"truncated_wav"}),
        ("audio/wav", container(tone(440.0), "flac"), {"bad_wav"}),
        ("audio/wav", b"RIFF" + bytes(60), {"truncated_wav", "bad_wav"}),
        ("audio/flac", b"fLaC" + bytes(60), {"bad_flac"}),
        ("audio/flac", truncated_flac(), {"truncated_flac", "bad_flac"}),
        ("audio/opus", bytes(3_200), {"unknown_content_type"}),
    ],
)
def test_what_the_decoder_refuses_is_not_cut_and_has_its_reason(
    content_type: str, payload: bytes, reasons: set[str]
) -> None:
    result = cut(interval(Modality.AUDIO, content_type, payload, 100_000), [START_US + 40_000])
    assert isinstance(result, BadSample)
    assert result.reason in reasons
