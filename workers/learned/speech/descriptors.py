"""What is told of every frame of speech: loudness, pitch, voice quality, spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from workers.codecs.mel import FFT_LENGTH, FRAME_LENGTH, RATE_HZ
from workers.learned.speech.pitch import pitch
from workers.learned.speech.spectra import (
    BINS_HZ,
    Floats,
    band_filters,
    decibels,
    frame_count,
    framed,
    power_spectra,
)

#: Cepstral coefficients; the first one is loudness again.
COEFFICIENTS = 14
#: Columns of ``Descriptors.shape``.
SHAPES = (
    "alpha_ratio",
    "hammarberg_index",
    "slope_0_500",
    "slope_500_1500",
    "slope_1500_up",
    "centroid",
    "rolloff",
    "flatness",
    "flux",
    "zero_crossings",
    "h1_h2",
    "h1_a3",
)
#: A frame so far below the loudest of its chunk is a pause, decibels.
_PAUSE_DB = 30.0
#: As is a frame below this level, whatever else is in the chunk: decibels under full scale.
_SILENCE_DB = -60.0
#: Strength of the autocorrelation's peak from which on a frame has voice.
_VOICED = 0.45
#: Semitones are counted from this pitch.
_REFERENCE_HZ = 55.0


@dataclass(frozen=True, slots=True)
class Descriptors:
    """Frames of one chunk, 100 a second. All float64 of ``count`` rows, masks bool.

    ``level_db``: (count,) below full scale. ``bands``: natural logarithm of BANDS mel bands.
    ``cepstrum``: (count, COEFFICIENTS). ``semitones``: pitch over 55 Hz. ``harmonics_db``:
    harmonics to noise. ``shape``: (count, len(SHAPES)). ``active``: somebody speaks. ``voiced``:
    with voice.
    """

    level_db: Floats
    bands: Floats
    cepstrum: Floats
    semitones: Floats
    harmonics_db: Floats
    shape: Floats
    active: NDArray[np.bool_]
    voiced: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.level_db)

    def part(self, start: int, stop: int) -> Descriptors:
        """Some of the frames."""
        return Descriptors(
            *(getattr(self, name)[start:stop] for name in Descriptors.__dataclass_fields__)
        )


def describe(signal: NDArray[np.float32], highest_hz: float) -> Descriptors:
    """Descriptors of a signal, float32 (samples,) at 16 kHz, -1 to 1.

    Of the spectrum only what is below ``highest_hz`` is looked at, so that a telephone's speech
    and a studio's look alike at 3,800. Which descriptors tell of emotions follows Eyben et al.,
    IEEE Trans. Affective Computing 7(2), 2016 (the GeMAPS sets).
    """
    exact = signal.astype(np.float64)
    exact = exact - exact.mean()
    count = frame_count(exact)
    frames = framed(exact, FRAME_LENGTH, count)
    power = power_spectra(frames)
    level_db = np.asarray(10.0 * np.log10(np.mean(frames**2, axis=1) + 1e-10))
    bands = np.log(power @ band_filters(highest_hz).T + 1e-8)
    hertz, strength = pitch(exact, count)
    active = level_db > max(float(np.percentile(level_db, 95)) - _PAUSE_DB, _SILENCE_DB)
    return Descriptors(
        level_db,
        bands,
        dct(bands, norm="ortho", axis=1)[:, :COEFFICIENTS],
        12.0 * np.log2(hertz / _REFERENCE_HZ),
        decibels(strength / (1.0 - strength)),
        _shape(frames, power, hertz, highest_hz),
        active,
        _steady((strength > _VOICED) & active),
    )


def _steady(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True where most of the five frames around are: single frames are no voice."""
    around = np.convolve(mask, np.ones(5), "full")[2 : 2 + len(mask)]
    return np.asarray(around >= 3)


def _shape(frames: Floats, power: Floats, hertz: Floats, highest_hz: float) -> Floats:
    below = highest_hz >= BINS_HZ
    bins_hz, power = BINS_HZ[below], power[:, below] + 1e-12
    upper_hz = min(5_000.0, highest_hz)

    def within(low_hz: float, high_hz: float) -> Floats:
        return power[:, (bins_hz >= low_hz) & (bins_hz < high_hz)]

    def slope(low_hz: float, high_hz: float) -> Floats:
        inside = (bins_hz >= low_hz) & (bins_hz <= high_hz)
        khz = bins_hz[inside] / 1000.0
        khz = khz - khz.mean()
        return np.asarray(decibels(power[:, inside]) @ khz / (khz @ khz))

    def at(of_hz: Floats) -> Floats:
        """Level of the strongest of the three bins around a frequency."""
        middle = np.clip(np.round(of_hz / RATE_HZ * FFT_LENGTH).astype(int), 1, len(bins_hz) - 2)
        rows = np.arange(len(power))
        return decibels(np.max([power[rows, middle + off] for off in (-1, 0, 1)], axis=0))

    total = power.sum(axis=1)
    magnitude = np.sqrt(power)
    magnitude = magnitude / magnitude.sum(axis=1, keepdims=True)
    change = np.sqrt((np.diff(magnitude, axis=0) ** 2).sum(axis=1))
    first = at(hertz)
    return np.stack(
        [
            decibels(within(1_000, upper_hz).sum(axis=1)) - decibels(within(50, 1_000).sum(axis=1)),
            decibels(within(0, 2_000).max(axis=1)) - decibels(within(2_000, upper_hz).max(axis=1)),
            slope(0, 500),
            slope(500, 1_500),
            slope(1_500, upper_hz),
            power @ bins_hz / total / 1000.0,
            bins_hz[(np.cumsum(power, axis=1) >= 0.85 * total[:, None]).argmax(axis=1)] / 1000.0,
            np.log(power).mean(axis=1) - np.log(power.mean(axis=1)),
            np.concatenate([[0.0], change]),
            np.mean(np.diff(np.signbit(frames), axis=1), axis=1),
            first - at(2.0 * hertz),
            first - decibels(within(2_500, 3_500).max(axis=1)),
        ],
        axis=1,
    )
