"""What every encoder offers, and the one form in which it is run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

#: Length of every feature vector.
FEATURE_SIZE = 64

Array = NDArray[Any]


class Encoder(nn.Module, ABC):
    """f(x): decoded samples of one modality in, feature vectors of FEATURE_SIZE out.

    A network's output for one row may change in its last bits with the shape of the batch, since
    the kernels it is run by are chosen by shape. So an encoder is only ever run in shapes that
    depend on the sample itself: ``size_class`` (its length, rounded up) and ``tile`` (rows run at
    once for that class; rows that are not filled are zeros). See ``workers.encoders.tiling``.
    """

    def size_class(self, array: Array) -> int:
        """Padded length of a sample, in the encoder's own unit; 1 where all are alike."""
        del array
        return 1

    @abstractmethod
    def tile(self, size_class: int) -> int:
        """Rows that are run at once for samples of this class."""

    @abstractmethod
    def collate(self, arrays: Sequence[Array], size_class: int, rows: int) -> tuple[Tensor, ...]:
        """The arguments of ``forward`` for at most ``rows`` samples, padded to ``rows``."""

    @abstractmethod
    def example(self) -> Array:
        """A valid decoded sample, used to warm the network up."""


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


def stack(arrays: Sequence[Array], rows: int) -> Tensor:
    """Equal-shaped arrays as one tensor of ``rows`` rows, the last ones zeros."""
    out = np.zeros((rows, *arrays[0].shape), arrays[0].dtype)
    for index, array in enumerate(arrays):
        out[index] = array
    return torch.from_numpy(out)
