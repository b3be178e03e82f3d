"""Running a network in shapes that depend on the item alone.

An item's output is then the same to the last bit whatever else is in the batch: rows do not mix,
and the same kernels run in the same order. Rounding alone could not promise that, since any two
different floats can lie on either side of a rounding boundary.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from workers.encoders.base import Array, Encoder

Item = TypeVar("Item")
Class = TypeVar("Class", bound=Hashable)


def tiles(
    items: Sequence[Item], class_of: Callable[[Item], Class], rows_of: Callable[[Class], int]
) -> Iterator[tuple[Class, list[int]]]:
    """Partition positions 0..n-1 into tiles of one class, at most ``rows_of(class)`` each.

    >>> list(tiles("aabab", lambda c: c, lambda c: 2))
    [('a', [0, 1]), ('a', [3]), ('b', [2, 4])]
    """
    groups: dict[Class, list[int]] = {}
    for position, item in enumerate(items):
        groups.setdefault(class_of(item), []).append(position)
    for key, positions in groups.items():
        rows = rows_of(key)
        for start in range(0, len(positions), rows):
            yield key, positions[start : start + rows]


def encode_arrays(
    encoder: Encoder, arrays: Sequence[Array], device: torch.device
) -> NDArray[np.float32]:
    """Features of decoded samples in order, float32 (n, FEATURE_SIZE); runs under the caller's
    inference mode. An output may be NaN where the network makes it so; the caller checks.
    """
    out: NDArray[np.float32] | None = None
    for size_class, positions in tiles(arrays, encoder.size_class, encoder.tile):
        batch = encoder.collate(
            [arrays[position] for position in positions], size_class, encoder.tile(size_class)
        )
        features = encoder(*(tensor.to(device) for tensor in batch)).cpu().numpy()
        if out is None:
            out = np.empty((len(arrays), features.shape[1]), np.float32)
        out[positions] = features[: len(positions)]
    if out is None:
        raise ValueError("expected at least one array")
    return out
