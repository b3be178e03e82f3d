"""A window's samples as tokens, the input of every fusion form."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from schemas.sample import Modality
from streams.align.types import Window, WindowSample
from workers.encoders.base import FEATURE_SIZE, Bounds, power_of_two, powers_of_two
from workers.encoders.feature import from_wire

#: Index of each modality in every embedding and share; the order is part of the weights.
MODALITIES = tuple(Modality)
#: Sensors are told apart by a hash: any name works, and two of one session rarely collide.
SENSOR_SLOTS = 64
#: A window with more samples is thinned evenly; 2,048 are 20 s of ten sensors at 10 Hz.
MAX_TOKENS = 2_048
_MIN_TOKENS = 16
#: A run costs as much as so many tokens, measured on a CPU.
_SPARE_TOKENS = 256
#: Long windows are run by themselves, as long chunks are.
_LEAST_TOKENS = 512
#: Every padded number of tokens there is.
LENGTH_CLASSES = powers_of_two(_MIN_TOKENS, MAX_TOKENS)


@dataclass(frozen=True, slots=True)
class Tokens:
    """One window's tokens: features float32 (n, size), modality and sensor-slot indices
    int64 (n,), and times float32 (n,): the sample's middle, 0 at the window's start, 1 at its end.
    """

    features: NDArray[np.float32]
    modalities: NDArray[np.int64]
    sensors: NDArray[np.int64]
    times: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """Tokens of several windows, padded: the fields of ``Tokens`` with a leading row axis.

    ``present``: bool (rows, length), False where padded.
    """

    features: Tensor
    modalities: Tensor
    sensors: Tensor
    times: Tensor
    present: Tensor

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The fields in order."""
        return (self.features, self.modalities, self.sensors, self.times, self.present)

    def to(self, device: torch.device) -> TokenBatch:
        """The same batch on another device."""
        return TokenBatch(*(field.to(device) for field in self.tensors))


def sensor_slot(sensor: str) -> int:
    """Slot of a sensor's name, the same in every process.

    >>> sensor_slot("mic.agent") != sensor_slot("mic.customer")
    True
    """
    return zlib.crc32(sensor.encode()) % SENSOR_SLOTS


def relative_time(start_us: int, end_us: int, window: tuple[int, int]) -> float:
    """Middle of a sample on the window's scale, cut to [-2, 2]: a held value may be much older.

    >>> relative_time(250, 750, (0, 1000))
    0.5
    """
    begin_us, finish_us = window
    middle_us = (start_us - begin_us) + (end_us - start_us) / 2
    return min(2.0, max(-2.0, middle_us / (finish_us - begin_us)))


def thin(samples: Sequence[WindowSample], limit: int = MAX_TOKENS) -> Sequence[WindowSample]:
    """At most ``limit`` samples, evenly spaced in their order; all of them where they fit."""
    if len(samples) <= limit:
        return samples
    return [samples[index * len(samples) // limit] for index in range(limit)]


def window_tokens(
    window: Window,
    modality_of: Mapping[str, Modality],
    read: Callable[[list[bytes]], NDArray[np.float32]] = from_wire,
) -> Tokens:
    """Tokens of an aligned window; ``modality_of`` maps its inputs, ``read`` makes float32
    (n, size) of n features.

    Raises ``ValueError`` for a feature of another length, ``KeyError`` for an unknown input.
    """
    samples = thin(window.samples)
    span = (window.start_us, window.end_us)
    indices = [MODALITIES.index(modality_of[sample.input]) for sample in samples]
    times = [relative_time(sample.start_us, sample.end_us, span) for sample in samples]
    return Tokens(
        read([sample.feature for sample in samples]),
        np.asarray(indices, np.int64),
        np.asarray([sensor_slot(sample.sensor) for sample in samples], np.int64),
        np.asarray(times, np.float32),
    )


def length_class(tokens: Tokens) -> int:
    """Padded length of a window's tokens, see ``workers.encoders.tiling``."""
    return power_of_two(len(tokens), _MIN_TOKENS, MAX_TOKENS)


def length_bounds(length: int) -> Bounds:
    """In how many rows windows of this padded length are run."""
    return Bounds(
        least=max(1, min(4, _LEAST_TOKENS // length)),
        most=max(1, 2 * MAX_TOKENS // length),
        spare=max(1, _SPARE_TOKENS // length),
    )


def noise_tokens(count: int, rng: np.random.Generator) -> Tokens:
    """A window's tokens made of noise, to warm up and to compare kernels with."""
    return Tokens(
        rng.standard_normal((count, FEATURE_SIZE), np.float32),
        rng.integers(0, len(MODALITIES), count, np.int64),
        rng.integers(0, SENSOR_SLOTS, count, np.int64),
        rng.random(count, np.float32),
    )


def collate(windows: Sequence[Tokens], length: int, rows: int) -> TokenBatch:
    """At least one and at most ``rows`` windows of at most ``length`` tokens, padded to
    (rows, length).
    """
    features = np.zeros((rows, length, windows[0].features.shape[1]), np.float32)
    modalities = np.zeros((rows, length), np.int64)
    sensors = np.zeros((rows, length), np.int64)
    times = np.zeros((rows, length), np.float32)
    present = np.zeros((rows, length), np.bool_)
    for row, tokens in enumerate(windows):
        count = len(tokens)
        features[row, :count] = tokens.features
        modalities[row, :count] = tokens.modalities
        sensors[row, :count] = tokens.sensors
        times[row, :count] = tokens.times
        present[row, :count] = True
    return TokenBatch(
        torch.from_numpy(features),
        torch.from_numpy(modalities),
        torch.from_numpy(sensors),
        torch.from_numpy(times),
        torch.from_numpy(present),
    )
