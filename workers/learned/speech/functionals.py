"""What is told of a chunk of speech: how its frames' descriptors are distributed and move."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from workers.learned.speech.descriptors import SHAPES, Descriptors, describe
from workers.learned.speech.spectra import FRAME_RATE_HZ, Floats

#: Frames with voice below which a chunk is not speech: 50 ms.
_LEAST_VOICED = 5
_QUANTILES = (10, 25, 50, 75, 90)
#: Shapes whose distribution is told in full.
_RICH = tuple(
    SHAPES.index(name)
    for name in ("alpha_ratio", "hammarberg_index", "slope_500_1500", "centroid", "h1_a3")
)
#: Shapes that are told of frames without voice, too: consonants.
_OF_CONSONANTS = 6
#: Mel bands whose loudness is followed over time, and how fast it moves, hertz.
_MODULATED = ((0, 5), (5, 10), (10, 16), (16, 24), (24, 32))
_RATES_HZ = ((1.0, 2.5), (2.5, 5.0), (5.0, 9.0), (9.0, 16.0), (16.0, 30.0))
_MODULATION_FFT = 256
#: Pitch jumps by more semitones a frame are errors of the tracker, or a new phrase.
_LARGEST_STEP = 3.0


def speech_features(
    signal: NDArray[np.float32], highest_hz: float, segment_s: float
) -> NDArray[np.float32]:
    """Seconds of voice, then the functionals: float32 (1 + WIDTH,), all 0 where nobody speaks.

    A signal longer than ``segment_s`` is the mean of segments about as long, weighted by their
    voice, so that a chunk of a call and a whole sentence are told in the same way. ``signal``:
    float32 (samples,) at 16 kHz.
    """
    described = describe(signal, highest_hz)
    count = max(1, round(len(described) / (segment_s * FRAME_RATE_HZ)))
    edges = np.linspace(0, len(described), count + 1).round().astype(int)
    total, seconds = np.zeros(WIDTH), 0.0
    for start, stop in pairwise(edges.tolist()):
        part = described.part(start, stop)
        voiced = int(part.voiced.sum())
        if voiced >= _LEAST_VOICED:
            weight = voiced / FRAME_RATE_HZ
            total += weight * functionals(part)
            seconds += weight
    if seconds:
        total /= seconds
    return np.concatenate([[seconds], total]).astype(np.float32)


def functionals(frames: Descriptors) -> Floats:
    """Of frames some of which have voice, float64 (WIDTH,)."""
    voiced, active = frames.voiced, frames.active | frames.voiced
    consonants = active & ~voiced
    if consonants.sum() < 3:
        consonants = active
    shape, cepstrum = _smooth(frames.shape), _smooth(frames.cepstrum)[:, 1:]
    bands = frames.bands
    pairs = bands.reshape(len(bands), -1, 2).mean(axis=2) - bands[active].mean()
    steps = np.abs(np.diff(cepstrum, axis=0))[active[1:]]
    return np.concatenate(
        [
            _distribution(frames.semitones[voiced, None]),
            _distribution(frames.harmonics_db[voiced, None]),
            _distribution(frames.level_db[active, None]),
            _distribution(shape[voiced][:, _RICH]),
            _moments(shape[voiced]),
            _moments(shape[active]),
            shape[consonants, :_OF_CONSONANTS].mean(axis=0),
            _moments(cepstrum[voiced]),
            _moments(cepstrum[active]),
            _mean(steps),
            pairs[voiced].mean(axis=0),
            pairs[active].std(axis=0),
            _intonation(frames),
            _rhythm(frames, active),
            _modulation(bands),
        ]
    )


def _smooth(values: Floats) -> Floats:
    """The mean of three frames each."""
    padded = np.pad(values, ((1, 1), (0, 0)), mode="edge")
    return np.asarray((padded[:-2] + padded[1:-1] + padded[2:]) / 3.0)


def _mean(values: Floats) -> Floats:
    """Column means, 0 where there is no row."""
    return values.mean(axis=0) if len(values) else np.zeros(values.shape[1])


def _moments(values: Floats) -> Floats:
    return np.concatenate([values.mean(axis=0), values.std(axis=0)])


def _distribution(values: Floats) -> Floats:
    """Moments, quantiles and the range between the outer ones, column by column."""
    quantiles = np.percentile(values, _QUANTILES, axis=0)
    return np.concatenate([_moments(values), quantiles.ravel(), quantiles[-1] - quantiles[0]])


def _intonation(frames: Descriptors) -> Floats:
    """How pitch moves: size, spread, rise and fall of its steps; its slope, semitones a second."""
    voiced = frames.voiced
    steps = np.diff(frames.semitones)
    steps = steps[voiced[1:] & voiced[:-1] & (np.abs(steps) < _LARGEST_STEP)]
    if not len(steps):
        steps = np.zeros(1)
    seconds = np.flatnonzero(voiced) / FRAME_RATE_HZ
    off = seconds - seconds.mean()
    slope = off @ frames.semitones[voiced] / max(float(off @ off), 1e-6)
    size = np.abs(steps)
    rise, fall = np.maximum(steps, 0.0).mean(), np.minimum(steps, 0.0).mean()
    return np.array([size.mean(), size.std(), rise, fall, slope])


def _rhythm(frames: Descriptors, active: NDArray[np.bool_]) -> Floats:
    """How loudness moves, how often it peaks, how long and how often there is voice."""
    steps = np.abs(np.diff(frames.level_db))[active[1:]]
    steps = steps if len(steps) else np.zeros(1)
    level = np.convolve(np.pad(frames.level_db, 3, mode="edge"), np.ones(7) / 7.0, "valid")
    peaks = (level[1:-1] > level[:-2]) & (level[1:-1] >= level[2:]) & active[1:-1]
    spoken_s = active.sum() / FRAME_RATE_HZ
    edges = np.flatnonzero(np.diff(np.concatenate([[0], frames.voiced.astype(int), [0]])))
    lengths_s = (edges[1::2] - edges[::2]) / FRAME_RATE_HZ
    return np.array(
        [
            steps.mean(),
            steps.std(),
            peaks.sum() / spoken_s,
            len(lengths_s) / spoken_s,
            lengths_s.mean(),
            lengths_s.std(),
            frames.voiced.sum() / active.sum(),
            active.mean(),
        ]
    )


def _modulation(bands: Floats) -> Floats:
    """Logarithmic power of the bands' loudness by how fast it moves."""
    loudness = np.stack([bands[:, low:high].mean(axis=1) for low, high in _MODULATED], axis=1)
    loudness = (loudness - loudness.mean(axis=0)) * np.hanning(len(loudness))[:, None]
    power = np.abs(np.fft.rfft(loudness, _MODULATION_FFT, axis=0)) ** 2 / len(loudness)
    hertz = np.fft.rfftfreq(_MODULATION_FFT, 1.0 / FRAME_RATE_HZ)
    of_rates = [power[(hertz >= low) & (hertz < high)].mean(axis=0) for low, high in _RATES_HZ]
    return np.log(np.concatenate(of_rates) + 1e-6)


def _width() -> int:
    """Counted on noise: which functionals there are is said once, above."""
    noise = np.random.default_rng(0).standard_normal(8_000).astype(np.float32)
    some = describe(noise, 7_600.0)
    every = np.ones(len(some), np.bool_)
    return len(
        functionals(
            Descriptors(
                some.level_db,
                some.bands,
                some.cepstrum,
                some.semitones,
                some.harmonics_db,
                some.shape,
                every,
                every,
            )
        )
    )


#: How many functionals there are.
WIDTH = _width()
