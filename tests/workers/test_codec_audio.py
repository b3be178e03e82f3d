"""Audio: containers, rates, and what the spectrogram keeps of a tone."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.sample import Modality
from streams.compute import BadSample
from tests.workers.payloads import container, s16le, tone
from workers.codecs import decode
from workers.codecs.audio import read_signal
from workers.codecs.media_type import parse_media_type
from workers.codecs.mel import BANDS, HIGH_HZ, LOW_HZ, RATE_HZ, filterbank, hz_to_mel, log_mel

PCM = "audio/pcm;rate=16000;channels=1;format=s16le"


def reason(content_type: str, payload: bytes) -> str:
    result = decode(Modality.AUDIO, content_type, payload)
    assert isinstance(result, BadSample)
    return result.reason


def loudest_hz(signal: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(signal * np.hanning(len(signal))))
    return float(spectrum.argmax() * RATE_HZ / len(signal))


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000])
def test_a_tone_stays_at_its_frequency_whatever_the_rate(rate_hz: int) -> None:
    media = parse_media_type(f"audio/pcm;rate={rate_hz};channels=1;format=s16le")
    signal = read_signal(s16le(tone(1_000.0, rate_hz, seconds=0.5)), media)
    assert len(signal) == pytest.approx(RATE_HZ * 0.5, abs=2)
    assert loudest_hz(signal) == pytest.approx(1_000.0, abs=4.0)
    middle = signal[len(signal) // 4 : -len(signal) // 4]
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.02)


def test_what_lies_above_the_new_band_is_removed_not_folded() -> None:
    media = parse_media_type("audio/pcm;rate=48000;channels=1;format=s16le")
    signal = read_signal(s16le(tone(12_000.0, 48_000, seconds=0.5)), media)
    assert np.abs(signal[1_000:-1_000]).max() < 0.005


@pytest.mark.parametrize("hz", [150.0, 400.0, 1_000.0, 3_000.0, 6_000.0])
def test_the_loudest_band_is_the_one_around_the_tone(hz: float) -> None:
    centers = np.linspace(hz_to_mel(LOW_HZ), hz_to_mel(HIGH_HZ), BANDS + 2)[1:-1]
    band = int(log_mel(tone(hz)).mean(axis=0).argmax())
    assert abs(band - int(np.abs(centers - hz_to_mel(hz)).argmin())) <= 1


def test_every_band_of_the_filterbank_has_weight_one() -> None:
    assert filterbank().sum(axis=0) == pytest.approx(np.ones(BANDS), abs=1e-5)


def test_wav_flac_and_pcm_of_one_signal_agree() -> None:
    signal = tone(440.0)
    pcm = decode(Modality.AUDIO, PCM, s16le(signal))
    for kind in ("wav", "flac"):
        other = decode(Modality.AUDIO, f"audio/{kind}", container(signal, kind))
        assert np.abs(other - pcm).max() < 0.05


def test_float_and_integer_pcm_agree() -> None:
    signal = tone(440.0)
    integers = decode(Modality.AUDIO, PCM, s16le(signal))
    floats = decode(
        Modality.AUDIO, "audio/pcm;rate=16000;channels=1;format=f32le", signal.tobytes()
    )
    assert np.abs(floats - integers).max() < 0.05


def test_channels_are_averaged() -> None:
    signal = tone(440.0)
    stereo = np.stack([2 * signal, np.zeros_like(signal)], axis=1).astype("<f4")
    media = parse_media_type("audio/pcm;rate=16000;channels=2;format=f32le")
    assert read_signal(stereo.tobytes(), media) == pytest.approx(signal, abs=1e-6)


@pytest.mark.parametrize(("seconds", "frames"), [(0.001, 1), (0.025, 1), (0.03, 1), (5.0, 498)])
def test_a_chunk_of_any_length_has_at_least_one_frame(seconds: float, frames: int) -> None:
    spectrogram = decode(Modality.AUDIO, PCM, s16le(tone(440.0, seconds=seconds)))
    assert not isinstance(spectrogram, BadSample)
    assert spectrogram.shape == (frames, BANDS)


def test_silence_is_at_the_floor() -> None:
    spectrogram = decode(Modality.AUDIO, PCM, bytes(6_400))
    assert not isinstance(spectrogram, BadSample)
    assert spectrogram == pytest.approx(np.full_like(spectrogram, -1.0), abs=1e-5)


@pytest.mark.parametrize(
    ("content_type", "payload", "expected"),
    [
        (PCM, b"\x00\x00\x00", "odd_length"),
        ("audio/pcm;rate=16000;channels=2;format=s16le", bytes(6), "odd_length"),
        ("audio/pcm;rate=16000;channels=1;format=f32le", bytes(6), "odd_length"),
        ("audio/pcm;rate=4000;channels=1;format=s16le", bytes(8), "unsupported_rate"),
        ("audio/pcm;rate=96000;channels=1;format=s16le", bytes(8), "unsupported_rate"),
        ("audio/pcm;rate=16000;channels=0;format=s16le", bytes(8), "unsupported_channels"),
        ("audio/pcm;rate=fast;channels=1", bytes(8), "bad_parameter"),
        ("audio/pcm;rate=16000;format=s24le", bytes(6), "unsupported_format"),
        (PCM, bytes(2 * 16_000 * 61), "audio_too_long"),
        ("audio/opus", bytes(8), "unknown_content_type"),
        ("audio/wav", b"RIFX" + bytes(60), "bad_wav"),
        ("audio/wav", b"RIFF" + bytes(20), "truncated_wav"),
        ("audio/flac", b"fLaC" + bytes(60), "bad_flac"),
        ("audio/flac", b"OggS" + bytes(60), "bad_flac"),
        (PCM, b"", "empty_value"),
    ],
)
def test_what_is_no_audio_has_a_stable_reason(
    content_type: str, payload: bytes, expected: str
) -> None:
    assert reason(content_type, payload) == expected


def test_a_cut_wav_is_named_truncated() -> None:
    assert reason("audio/wav", container(tone(440.0), "wav")[:-1_000]) == "truncated_wav"


def test_a_cut_flac_is_refused() -> None:
    payload = container(tone(440.0, seconds=1.0), "flac")
    assert reason("audio/flac", payload[: len(payload) // 2]) in ("truncated_flac", "bad_flac")


def test_a_sample_that_is_not_a_number_is_refused() -> None:
    signal = tone(440.0)
    signal[7] = np.nan
    content_type = "audio/pcm;rate=16000;channels=1;format=f32le"
    assert reason(content_type, signal.tobytes()) == "non_finite_value"
