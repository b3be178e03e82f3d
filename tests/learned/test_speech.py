"""What is told of speech: pitch, voice, and chunks of any length in the same way."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from workers.learned.speech.descriptors import describe
from workers.learned.speech.functionals import WIDTH, speech_features

RATE_HZ = 16_000


def voice(hertz: float, seconds: float, level: float = 0.1) -> NDArray[np.float32]:
    """Harmonics that fall off as a voice's do, with a little breath."""
    time = np.arange(round(RATE_HZ * seconds)) / RATE_HZ
    wave = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 12))
    breath = 0.002 * np.random.default_rng(0).standard_normal(len(time))
    return (level * np.asarray(wave) + breath).astype(np.float32)


@pytest.mark.parametrize("hertz", [90.0, 150.0, 260.0, 400.0])
def test_pitch_of_a_voice_is_found(hertz: float) -> None:
    described = describe(voice(hertz, 0.5), 7_600.0)
    assert described.voiced[5:-5].all()
    found = 55.0 * 2.0 ** (described.semitones[5:-5] / 12.0)
    assert np.abs(found / hertz - 1.0).max() < 0.02


def test_noise_has_no_voice() -> None:
    noise = 0.1 * np.random.default_rng(1).standard_normal(RATE_HZ).astype(np.float32)
    assert describe(noise, 7_600.0).voiced.mean() < 0.05


def test_silence_is_told_as_nothing() -> None:
    told = speech_features(np.zeros(RATE_HZ, np.float32), 7_600.0, 1.0)
    assert told.shape == (1 + WIDTH,)
    assert not told.any()


def test_a_signal_shorter_than_a_frame_is_told() -> None:
    assert np.isfinite(speech_features(voice(150.0, 0.01), 3_800.0, 1.0)).all()


def test_seconds_of_voice_come_first() -> None:
    heard = np.concatenate([voice(150.0, 0.6), np.zeros(RATE_HZ, np.float32)])
    assert speech_features(heard, 7_600.0, 5.0)[0] == pytest.approx(0.6, abs=0.05)


def test_a_steady_voice_is_told_alike_whole_and_in_segments() -> None:
    whole = speech_features(voice(150.0, 4.0), 7_600.0, 4.0)
    parts = speech_features(voice(150.0, 4.0), 7_600.0, 1.0)
    pitch = slice(1, 9)
    assert parts[0] == pytest.approx(whole[0], abs=0.05)
    assert np.allclose(parts[pitch], whole[pitch], atol=0.05)


def test_what_is_above_the_highest_frequency_is_not_looked_at() -> None:
    time = np.arange(RATE_HZ) / RATE_HZ
    hiss = (0.05 * np.sin(2 * np.pi * 6_000 * time)).astype(np.float32)
    clean = describe(voice(150.0, 1.0), 3_800.0)
    hissing = describe(voice(150.0, 1.0) + hiss, 3_800.0)
    centroid = 5
    assert np.allclose(clean.shape[:, centroid], hissing.shape[:, centroid], atol=0.02)
    wide = describe(voice(150.0, 1.0) + hiss, 7_600.0)
    assert (wide.shape[:, centroid] > clean.shape[:, centroid] + 0.1).all()
