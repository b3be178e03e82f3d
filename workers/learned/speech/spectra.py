"""Frames of a signal and their power spectra, in double precision."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.codecs.mel import FFT_LENGTH, FRAME_LENGTH, HOP_LENGTH, RATE_HZ, hz_to_mel, mel_to_hz

Floats = NDArray[np.float64]

#: Frames a second.
FRAME_RATE_HZ = RATE_HZ // HOP_LENGTH
BANDS = 32
#: Below it there is hum, and no speech.
LOWEST_HZ = 60.0
#: Middle of each bin of a spectrum, hertz, float64 (FFT_LENGTH // 2 + 1,).
BINS_HZ: Floats = np.asarray(np.fft.rfftfreq(FFT_LENGTH, 1.0 / RATE_HZ), np.float64)


def framed(signal: NDArray[Any], length: int, count: int) -> NDArray[Any]:
    """``count`` frames (count, length), one each HOP_LENGTH; what the signal lacks is silence."""
    missing = (count - 1) * HOP_LENGTH + length - len(signal)
    if missing > 0:
        signal = np.pad(signal, (0, missing))
    windows = np.lib.stride_tricks.sliding_window_view(signal, length)
    return windows[::HOP_LENGTH][:count]


def frame_count(signal: NDArray[Any]) -> int:
    """How many frames a signal has: a rest shorter than a hop is left out."""
    return 1 + max(0, len(signal) - FRAME_LENGTH) // HOP_LENGTH


def power_spectra(frames: Floats) -> Floats:
    """Power of frames (count, FRAME_LENGTH) at BINS_HZ, float64 (count, bins)."""
    spectrum = np.fft.rfft(frames * np.hamming(FRAME_LENGTH), FFT_LENGTH, axis=1)
    return np.asarray(spectrum.real**2 + spectrum.imag**2)


@cache
def band_filters(highest_hz: float) -> Floats:
    """Triangles of height 1, equally wide in mel from LOWEST_HZ on, float64 (BANDS, bins)."""
    edges = mel_to_hz(np.linspace(hz_to_mel(LOWEST_HZ), hz_to_mel(highest_hz), BANDS + 2))
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (BINS_HZ - left) / (middle - left)
    falling = (right - BINS_HZ) / (right - middle)
    return np.clip(np.minimum(rising, falling), 0.0, None)


def decibels(power: Floats) -> Floats:
    """10·log10 of a power, at least -120."""
    return np.asarray(10.0 * np.log10(power + 1e-12))
