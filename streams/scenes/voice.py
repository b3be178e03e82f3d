"""A formant-like voice from wavetables: cheap, and a function of time, so any chunk stands alone.

One period of each vowel is stored as a sum of harmonics weighted by the vowel's resonances (the
source-filter idea of Fant 1960). Pitch is a closed-form phase, so no state passes between chunks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RATE_HZ = 16_000
TABLE_SIZE = 1_024
#: First three formants of five vowels (a, e, i, o, u), hertz, after Peterson and Barney's men.
_FORMANTS_HZ = np.array(
    [[730, 1090, 2440], [530, 1840, 2480], [270, 2290, 3010], [570, 840, 2410], [300, 870, 2240]],
    dtype=np.float64,
)
_BANDWIDTHS_HZ = np.array([90.0, 120.0, 170.0])
VOWELS = len(_FORMANTS_HZ)

Wave = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Manner:
    """How something is said.

    ``pitch``: factor on the voice's own. ``loudness``: factor on amplitude. ``syllables_per_s``:
    tempo. ``melody`` and ``tremor``: relative depth of slow (1.3 Hz) and fast (7 Hz) pitch
    movement. ``harshness``: 0 soft to 1 pressed, how strong the upper harmonics are.
    """

    pitch: float
    loudness: float
    syllables_per_s: float
    melody: float
    tremor: float
    harshness: float


MELODY_HZ = 1.3
TREMOR_HZ = 7.0


@dataclass(frozen=True, slots=True)
class Utterance:
    """One stretch of speech: [start_s, end_s) of scene time, its manner and its vowels in turn."""

    start_s: float
    end_s: float
    manner: Manner
    vowels: tuple[int, ...]


class Voice:
    """One person's voice: a base pitch and a vocal tract length."""

    def __init__(self, pitch_hz: float, tract: float) -> None:
        """``tract`` scales the formants: about 1 for a long vocal tract, 1.2 for a short one."""
        self._pitch_hz = pitch_hz
        self._soft = _vowel_tables(pitch_hz, tract, tilt=1.3)
        self._pressed = _vowel_tables(pitch_hz, tract, tilt=0.45)

    def say(self, said: Utterance, times_s: npt.NDArray[np.float64]) -> Wave:
        """Float samples, shape (n,), about -1 to 1, at scene times that lie in the utterance."""
        manner = said.manner
        tau = times_s - said.start_s
        phase = (
            self._pitch_hz
            * manner.pitch
            * (
                tau
                + _wobble(tau, manner.melody, MELODY_HZ)
                + _wobble(tau, manner.tremor, TREMOR_HZ)
            )
        )
        column = ((phase - np.floor(phase)) * TABLE_SIZE).astype(np.intp)
        position = tau * manner.syllables_per_s
        syllable = position.astype(np.intp)
        vowel = np.asarray(said.vowels, dtype=np.intp)[syllable % len(said.vowels)]
        table = manner.harshness * self._pressed + (1.0 - manner.harshness) * self._soft
        within = (position - syllable).astype(np.float32)
        envelope = np.minimum(1.0, 5.0 * np.minimum(within, 0.92 - within)).clip(0.0)
        wave: Wave = table[vowel, column] * envelope * np.float32(0.35 * manner.loudness)
        return wave


def _wobble(tau: npt.NDArray[np.float64], depth: float, rate_hz: float) -> npt.NDArray[np.float64]:
    # The integral of depth * sin(2 pi rate t): it adds to the phase what the pitch adds per time.
    turn = 2.0 * np.pi * rate_hz
    wobble: npt.NDArray[np.float64] = depth / turn * (1.0 - np.cos(turn * tau))
    return wobble


def _vowel_tables(pitch_hz: float, tract: float, tilt: float) -> Wave:
    order = np.arange(1, max(2, int(4_500 / pitch_hz)) + 1)
    frequency = order * pitch_hz
    away = (frequency[None, None, :] - tract * _FORMANTS_HZ[:, :, None]) / _BANDWIDTHS_HZ[:, None]
    gain = (1.0 / (1.0 + away**2)).sum(axis=1) + 0.05
    amplitude = gain * order[None, :] ** -tilt
    # Schroeder's phases keep the crest factor low: no clicks at the start of each period.
    phases = np.pi * order * (order - 1) / len(order)
    turns = 2.0 * np.pi * np.arange(TABLE_SIZE) / TABLE_SIZE
    waves = amplitude @ np.sin(order[:, None] * turns[None, :] + phases[:, None])
    waves /= np.sqrt((waves**2).mean(axis=1, keepdims=True))
    tables: Wave = waves.astype(np.float32)
    return tables


class Noise:
    """Endless background noise: one stored stretch, read round and round by sample index."""

    #: About 4 s, odd so that it does not beat with chunk lengths.
    LENGTH = 65_537

    def __init__(self, rng: np.random.Generator, *, darkness: float) -> None:
        """Noise of unit variance whose power falls with frequency to the power ``darkness``."""
        spectrum = np.fft.rfft(rng.standard_normal(self.LENGTH))
        frequency = np.fft.rfftfreq(self.LENGTH, 1.0 / RATE_HZ)
        spectrum *= np.maximum(frequency, 40.0) ** (-darkness / 2.0)
        wave = np.fft.irfft(spectrum, self.LENGTH)
        self._wave: Wave = (wave / wave.std()).astype(np.float32)

    def read(self, first_sample: int, count: int) -> Wave:
        """Float samples, shape (count,), that follow on from any earlier read."""
        start = first_sample % self.LENGTH
        if start + count <= self.LENGTH:
            return self._wave[start : start + count]
        rest = start + count - self.LENGTH
        return np.concatenate([self._wave[start:], self._wave[:rest]])


def to_pcm(wave: Wave) -> bytes:
    """Signed 16-bit little-endian PCM of floats in -1 to 1; louder is clipped as a converter does.

    >>> to_pcm(np.array([0.0, 2.0], dtype=np.float32)).hex()
    '0000ff7f'
    """
    pcm: bytes = np.clip(wave * 32767.0, -32767.0, 32767.0).astype("<i2").tobytes()
    return pcm
