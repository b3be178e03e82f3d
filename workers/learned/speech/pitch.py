"""How high a voice is, frame by frame, and how much of a frame is voice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.codecs.mel import FRAME_LENGTH, RATE_HZ
from workers.learned.speech.spectra import Floats, framed

LOWEST_HZ, HIGHEST_HZ = 65.0, 520.0
#: 40 ms hold two and a half periods of the lowest voice.
_LENGTH = 640
_FFT_LENGTH = 2_048
#: Lags that are followed from frame to frame.
_CANDIDATES = 6
#: What an octave lower costs in strength: a period and its double are nearly as strong.
_OCTAVE_COST = 0.02
#: What a jump by an octave or more costs in strength.
_JUMP_COST = 0.35
#: Strength of a place in the list that no peak fills.
_NO_PEAK = -9.0


def pitch(signal: Floats, count: int) -> tuple[Floats, Floats]:
    """Pitch in hertz and voicing strength in (0, 1), float64 (count,) each.

    The autocorrelation of a frame over that of its window, its highest peaks, and the cheapest way
    through them (Boersma, Proc. Institute of Phonetic Sciences Amsterdam 17, 1993). Where a frame
    has no voice, its pitch means nothing.
    """
    before = (_LENGTH - FRAME_LENGTH) // 2
    frames = framed(np.pad(signal, (before, before)), _LENGTH, count)
    correlation = _autocorrelation(frames - frames.mean(axis=1, keepdims=True))
    shortest, longest = int(RATE_HZ / HIGHEST_HZ), int(RATE_HZ / LOWEST_HZ)
    inner = correlation[:, shortest + 1 : longest - 1]
    is_peak = (inner > correlation[:, shortest : longest - 2]) & (
        inner >= correlation[:, shortest + 2 : longest]
    )
    lags = np.arange(shortest + 1, longest - 1)
    worth = np.where(is_peak, inner - _OCTAVE_COST * np.log2(lags / shortest), _NO_PEAK)
    best = np.argsort(-worth, axis=1, kind="stable")[:, :_CANDIDATES]
    chosen = lags[best]
    strength = np.take_along_axis(correlation, chosen, 1)
    hertz = RATE_HZ / (chosen + _between(correlation, chosen))
    path = _cheapest_path(np.log2(hertz), -np.take_along_axis(worth, best, 1))
    rows = np.arange(count)
    return hertz[rows, path], np.clip(strength[rows, path], 1e-3, 1.0 - 1e-4)


def _autocorrelation(frames: Floats) -> Floats:
    """Normalised to 1 at lag 0, corrected for the window: (count, _LENGTH)."""
    window = np.hanning(_LENGTH)
    spectrum = np.abs(np.fft.rfft(frames * window, _FFT_LENGTH)) ** 2
    correlation = np.fft.irfft(spectrum)[:, :_LENGTH]
    of_window = np.fft.irfft(np.abs(np.fft.rfft(window, _FFT_LENGTH)) ** 2)[:_LENGTH]
    normalised = correlation / np.maximum(correlation[:, :1], 1e-12)
    return np.asarray(normalised / np.maximum(of_window / of_window[0], 1e-9))


def _between(correlation: Floats, lags: NDArray[np.int64]) -> Floats:
    """Where a parabola through a peak and its neighbours is highest, lags off, -0.5 to 0.5."""
    before, at, after = (np.take_along_axis(correlation, lags + d, 1) for d in (-1, 0, 1))
    bend = before - 2.0 * at + after
    off = np.where(np.abs(bend) > 1e-9, 0.5 * (before - after) / np.minimum(bend, -1e-9), 0.0)
    return np.clip(off, -0.5, 0.5)


def _cheapest_path(octaves: Floats, costs: Floats) -> NDArray[np.int64]:
    """Which candidate of each frame (Viterbi): octaves and costs (count, candidates) -> (count,)"""
    count = len(costs)
    total, came_from = costs[0], np.zeros(costs.shape, np.int64)
    for frame in range(1, count):
        apart = np.abs(octaves[frame - 1][:, None] - octaves[frame][None, :])
        through = total[:, None] + _JUMP_COST * np.minimum(apart, 1.0)
        came_from[frame] = through.argmin(axis=0)
        total = through.min(axis=0) + costs[frame]
    path = np.zeros(count, np.int64)
    path[-1] = total.argmin()
    for frame in range(count - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path
