"""How long WAV and FLAC last by their headers, against what libsndfile finds in the same bytes."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from schemas.audio_length import flac_us, wav_us

SAMPLED = st.sampled_from([8_000, 11_025, 16_000, 44_100, 48_000])


def written(form: str, subtype: str, rate_hz: int, channels: int, frames: int) -> bytes:
    """A file of silence."""
    held = io.BytesIO()
    values = np.zeros((frames, channels), np.float32)
    soundfile.write(held, values, rate_hz, format=form, subtype=subtype)
    return held.getvalue()


def lasts_us(payload: bytes) -> int:
    """What libsndfile says, rounded to a microsecond."""
    with soundfile.SoundFile(io.BytesIO(payload)) as file:
        return (file.frames * 1_000_000 + file.samplerate // 2) // file.samplerate


@given(
    form=st.sampled_from(["WAV", "WAVEX"]),
    subtype=st.sampled_from(["PCM_U8", "PCM_16", "PCM_24", "FLOAT", "ULAW", "ALAW"]),
    rate_hz=SAMPLED,
    channels=st.integers(1, 3),
    frames=st.integers(1, 5_000),
)
def test_a_wav_lasts_as_long_as_its_frames(
    form: str, subtype: str, rate_hz: int, channels: int, frames: int
) -> None:
    payload = written(form, subtype, rate_hz, channels, frames)
    assert wav_us(payload) == lasts_us(payload)


@given(
    subtype=st.sampled_from(["PCM_S8", "PCM_16", "PCM_24"]),
    rate_hz=SAMPLED,
    channels=st.integers(1, 3),
    frames=st.integers(1, 5_000),
)
def test_a_flac_lasts_as_long_as_its_frames(
    subtype: str, rate_hz: int, channels: int, frames: int
) -> None:
    payload = written("FLAC", subtype, rate_hz, channels, frames)
    assert flac_us(payload) == lasts_us(payload)


def test_a_compressed_wav_lasts_about_as_long_as_its_mean_rate_says() -> None:
    payload = written("WAV", "IMA_ADPCM", 16_000, 1, 16_000)
    assert wav_us(payload) == pytest.approx(1_000_000, rel=0.02)


def test_chunks_before_the_data_are_passed_over_with_their_padding() -> None:
    payload = written("WAV", "PCM_16", 8_000, 1, 80)
    note = struct.pack("<4sI", b"LIST", 3) + b"abc\0"
    at = payload.index(b"data")
    assert wav_us(payload[:at] + note + payload[at:]) == 10_000


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_data_chunk_of_unknown_size_is_all_that_follows(size: int) -> None:
    payload = bytearray(written("WAV", "PCM_16", 8_000, 1, 80))
    struct.pack_into("<I", payload, payload.index(b"data") + 4, size)
    assert wav_us(bytes(payload)) == 10_000


@given(payload=st.binary(max_size=64), cut=st.integers(0, 200))
def test_rubbish_and_what_was_cut_off_has_a_length_that_is_not_negative(
    payload: bytes, cut: int
) -> None:
    wav, flac = (written(form, "PCM_16", 8_000, 1, 800) for form in ("WAV", "FLAC"))
    for each in (payload, b"RIFF0000WAVE" + payload, wav[:cut]):
        assert wav_us(each) >= 0
    for each in (payload, b"fLaC" + payload, flac[:cut]):
        assert flac_us(each) >= 0


def test_a_wav_of_nothing_but_small_chunks_is_given_up() -> None:
    small = struct.pack("<4sI", b"junk", 0) * 100_000
    assert wav_us(b"RIFF0000WAVE" + small) == 0
