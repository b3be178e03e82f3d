"""What every encoder offers, and the one form in which it is run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

#: Length of every feature vector.
FEATURE_SIZE = 64

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Bounds:
    """``least``: rows that are run at once on a CPU where fewer come, since as many cost little
    more, and since kernels for one to three rows are others. ``most``: more would not fit caches
    or memory. ``spare``: rows of padding that cost as much as another run, measured on a CPU.
    """

    least: int
    most: int
    spare: int


class Encoder(nn.Module, ABC):
    """f(x): decoded samples of one modality in, feature vectors of FEATURE_SIZE out.

    Samples of one size class are run together, in as many rows as ``workers.backends.heights``
    finds to be of no influence; rows that are not filled are zeros.
    """

    #: Every padded length there is, ascending, in the encoder's own unit.
    size_classes: Sequence[int] = (1,)

    def extent(self, array: Array) -> float:
        """Length of a sample in the encoder's own unit; 1 where all are alike."""
        del array
        return 1.0

    def size_class(self, array: Array) -> int:
        """The length that a sample is padded to, or cut to where it is longer than any."""
        return power_of_two(ceil(self.extent(array)), self.size_classes[0], self.size_classes[-1])

    @abstractmethod
    def bounds(self, size_class: int) -> Bounds:
        """In how many rows samples of this class are run."""

    @abstractmethod
    def collate(self, arrays: Sequence[Array], size_class: int, rows: int) -> tuple[Tensor, ...]:
        """The arguments of ``forward`` for at most ``rows`` samples, padded to ``rows``."""

    @abstractmethod
    def specimen(self, size_class: int, rng: np.random.Generator) -> Array:
        """A decoded sample of this class made of noise, to warm up and to compare kernels with."""


class Projection(nn.Module):
    """Hidden activations to a feature: a layer, then normalisation to zero mean, unit variance.

    The normalisation bounds every value by sqrt(FEATURE_SIZE) = 8, well inside float16.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, FEATURE_SIZE)
        self.norm = nn.LayerNorm(FEATURE_SIZE, elementwise_affine=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """(rows, width) -> (rows, FEATURE_SIZE), float32."""
        return self.norm(self.linear(hidden))  # type: ignore[no-any-return]


def power_of_two(length: int, least: int, most: int) -> int:
    """The smallest power of two that is at least ``length``, within [least, most].

    >>> [power_of_two(n, 4, 64) for n in (0, 4, 5, 1000)]
    [4, 4, 8, 64]
    """
    return max(least, min(most, 1 << max(length - 1, 0).bit_length()))


def powers_of_two(least: int, most: int) -> tuple[int, ...]:
    """Every power of two within [least, most], which are two themselves.

    >>> powers_of_two(4, 16)
    (4, 8, 16)
    """
    return tuple(1 << bit for bit in range(least.bit_length() - 1, most.bit_length()))


def stack(arrays: Sequence[Array], rows: int) -> Tensor:
    """Equal-shaped arrays as one tensor of ``rows`` rows, the last ones zeros."""
    out = np.zeros((rows, *arrays[0].shape), arrays[0].dtype)
    for index, array in enumerate(arrays):
        out[index] = array
    return torch.from_numpy(out)
