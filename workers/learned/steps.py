"""A window's samples in the steps of the window, the input of every learned network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streams.align.types import Window, WindowSample
from workers.encoders.base import Bounds, power_of_two, powers_of_two
from workers.fusion.tokens import thin
from workers.learned.encoders.base import InputEncoder

#: A window with more samples of one input is thinned evenly.
MAX_SAMPLES = 1_024
#: Every padded number of samples there is.
LENGTH_CLASSES = powers_of_two(1, MAX_SAMPLES)
#: A run costs as much as so many steps or samples.
_SPARE = 64


@dataclass(frozen=True, slots=True)
class InputSteps:
    """One input's samples in a window: features float32 (n, width), steps int64 (n,)."""

    features: NDArray[np.float32]
    steps: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.features)


#: A window's samples by input, in the order of ``ModelPlan.inputs``.
WindowSteps = tuple[InputSteps, ...]


@dataclass(frozen=True, slots=True)
class InputBatch:
    """Samples of one input of several windows, padded: features float32 (rows, length, width),
    steps int64 (rows, length), present bool (rows, length).
    """

    features: Tensor
    steps: Tensor
    present: Tensor


def step_of(start_us: int, window: tuple[int, int], steps: int) -> int:
    """Which of a window's steps an event time is in. What a matcher holds from before the window
    is in the first.

    >>> [step_of(us, (0, 1_000), 4) for us in (-5, 0, 250, 999)]
    [0, 0, 1, 3]
    """
    begin_us, end_us = window
    return min(steps - 1, max(0, (start_us - begin_us) * steps // (end_us - begin_us)))


def step_indices(
    samples: Sequence[WindowSample], window: tuple[int, int], steps: int
) -> NDArray[np.int64]:
    """The step of each sample, int64 (n,)."""
    return np.asarray([step_of(each.start_us, window, steps) for each in samples], np.int64)


def by_input(window: Window, inputs: Sequence[str]) -> dict[str, Sequence[WindowSample]]:
    """A window's samples by those inputs that a model takes, each thinned to MAX_SAMPLES."""
    found: dict[str, list[WindowSample]] = {name: [] for name in inputs}
    for sample in window.samples:
        if sample.input in found:
            found[sample.input].append(sample)
    return {name: thin(samples, MAX_SAMPLES) for name, samples in found.items()}


def window_steps(
    window: Window, encoders: Mapping[str, InputEncoder], inputs: Sequence[str], steps: int
) -> WindowSteps:
    """The samples of an aligned window. Raises ``ValueError`` for a feature of another length."""
    span = (window.start_us, window.end_us)
    return tuple(
        InputSteps(
            encoders[name].from_wire([each.feature for each in samples]),
            step_indices(samples, span, steps),
        )
        for name, samples in by_input(window, inputs).items()
    )


def length_class(window: WindowSteps) -> int:
    """Padded number of samples of each input: see ``workers.encoders.tiling``."""
    return power_of_two(max(map(len, window)), 1, MAX_SAMPLES)


def length_bounds(length: int) -> Bounds:
    """In how many rows windows of this padded length are run."""
    return Bounds(
        least=max(1, min(4, 512 // length)),
        most=max(4, min(256, 8 * MAX_SAMPLES // length)),
        spare=max(1, _SPARE // length),
    )


def noise(widths: Sequence[int], length: int, steps: int, rng: np.random.Generator) -> WindowSteps:
    """A window's samples made of noise, to warm up and to compare kernels with."""
    return tuple(
        InputSteps(
            rng.standard_normal((length, width), np.float32),
            np.sort(rng.integers(0, steps, length, np.int64)),
        )
        for width in widths
    )


def collate(windows: Sequence[WindowSteps], length: int, rows: int) -> list[InputBatch]:
    """At least one and at most ``rows`` windows of at most ``length`` samples of each input, as a
    batch of each input, padded to (rows, length).
    """
    return [
        _collate([window[i] for window in windows], length, rows) for i in range(len(windows[0]))
    ]


def _collate(parts: Sequence[InputSteps], length: int, rows: int) -> InputBatch:
    features = np.zeros((rows, length, parts[0].features.shape[1]), np.float32)
    steps = np.zeros((rows, length), np.int64)
    present = np.zeros((rows, length), np.bool_)
    for row, part in enumerate(parts):
        count = len(part)
        features[row, :count] = part.features
        steps[row, :count] = part.steps
        present[row, :count] = True
    return InputBatch(*(torch.from_numpy(each) for each in (features, steps, present)))


def as_tensors(batches: Sequence[InputBatch]) -> tuple[Tensor, ...]:
    """The batches' fields one after the other."""
    return tuple(
        tensor for batch in batches for tensor in (batch.features, batch.steps, batch.present)
    )


def from_tensors(tensors: Sequence[Tensor]) -> list[InputBatch]:
    """The inverse of ``as_tensors``."""
    return [InputBatch(*tensors[at : at + 3]) for at in range(0, len(tensors), 3)]
