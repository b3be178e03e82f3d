"""Log-mel spectrogram by numpy."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
#: 25 ms frames every 10 ms: the usual compromise between time and pitch in speech work.
FRAME_LENGTH = 400
HOP_LENGTH = 160
FFT_LENGTH = 512
BANDS = 32
LOW_HZ, HIGH_HZ = 40.0, 7_600.0
#: Power below this is silence: about -60 dB under a full-scale tone's mel energy.
FLOOR = 1e-6


def hz_to_mel(hz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """mel = 2595·log10(1 + f/700) (O'Shaughnessy, Speech Communication, 1987)."""
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(hz, np.float64) / 700.0))


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of ``hz_to_mel``."""
    return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))


@cache
def filterbank() -> NDArray[np.float32]:
    """Triangular filters, equally wide in mel, float32 (FFT_LENGTH // 2 + 1, BANDS).

    Davis and Mermelstein, IEEE ASSP 28(4), 1980. Each filter is divided by its sum, so that a band
    is a mean power and white noise is flat over the bands.
    """
    edges = mel_to_hz(np.linspace(hz_to_mel(LOW_HZ), hz_to_mel(HIGH_HZ), BANDS + 2))
    bins = np.fft.rfftfreq(FFT_LENGTH, 1.0 / RATE_HZ)[:, None]
    left, center, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins - left) / (center - left)
    falling = (right - bins) / (right - center)
    weights = np.clip(np.minimum(rising, falling), 0.0, None)
    # The lowest bands are narrower than a bin and may hold none: they take the nearest one.
    empty = np.flatnonzero(weights.sum(axis=0) == 0.0)
    nearest = np.abs(bins - center[empty]).argmin(axis=0)
    weights[nearest, empty] = 1.0
    return np.asarray(weights / weights.sum(axis=0), np.float32)


@cache
def _window() -> NDArray[np.float32]:
    return np.hanning(FRAME_LENGTH + 1)[:-1].astype(np.float32)


def log_mel(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-mel frames, float32 (frames, BANDS), about -1 (silence) to +1 (full-scale tone).

    ``signal``: float32 (samples,), -1 to 1, at RATE_HZ, at least one sample. A signal shorter
    than a frame is padded with silence; a rest shorter than a hop is left out.
    """
    if len(signal) < FRAME_LENGTH:
        signal = np.pad(signal, (0, FRAME_LENGTH - len(signal)))
    count = 1 + (len(signal) - FRAME_LENGTH) // HOP_LENGTH
    # As ``sliding_window_view``, whose checks cost as much as the logarithms below.
    (step,) = signal.strides
    strides = (HOP_LENGTH * step, step)
    frames = np.lib.stride_tricks.as_strided(
        signal, (count, FRAME_LENGTH), strides, writeable=False
    )
    spectrum = np.fft.rfft(frames * _window(), FFT_LENGTH, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    # A full-scale tone has |X| = sum(window) / 2 = FRAME_LENGTH / 4 at its bin.
    bands = (power @ filterbank()) / np.float32((FRAME_LENGTH / 4) ** 2)
    return np.asarray(np.log10(bands + FLOOR) / 3.0 + 1.0, np.float32)
