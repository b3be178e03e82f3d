"""How many rows of a network may be run at once without any row noticing.

A kernel is chosen by the shape of its input, and another kernel adds up in another order. Which
heights agree to the last bit is a property of the device and its libraries, so it is found out by
running noise through all of them: a difference in the order of summation shows in some of the
thousands of sums that a run consists of. On the CPUs seen so far, four rows and more agree and
fewer do not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.encoders.base import Bounds
from workers.encoders.tiling import Heights

#: Rows that a GPU computes in the time that it takes to start another run.
_GPU_SPARE = 256

_Bytes = NDArray[np.uint8]


def anchor(bounds: Bounds, max_batch: int, device: torch.device) -> int:
    """The height that others have to agree with: the least on a CPU, where each row costs; the
    most on a GPU, where a small network takes as long for one row as for hundreds.
    """
    height = bounds.most if device.type == "cuda" else bounds.least
    return max(1, min(height, max_batch))


def candidates(bounds: Bounds, max_batch: int, device: torch.device) -> tuple[int, ...]:
    """Heights that are worth having, the anchor among them, ascending: with less than a third of
    padding between two of them.
    """
    most = min(bounds.most, max_batch)
    steps = {1 << bit for bit in range(most.bit_length())}
    steps |= {3 * step // 2 for step in steps if step > 2}
    found = {step for step in steps if step <= most}
    return tuple(sorted(found | {anchor(bounds, max_batch, device), most}))


def only_anchor(bounds: Bounds, max_batch: int, device: torch.device) -> Heights:
    """What is run before any height was compared."""
    return Heights((anchor(bounds, max_batch, device),), _spare(bounds, device))


def agreeing(
    bounds: Bounds,
    max_batch: int,
    device: torch.device,
    run: Callable[[int, int], Sequence[Tensor]],
    heights: Sequence[int] | None = None,
) -> Heights:
    """The heights whose rows have the same bits as the anchor's.

    ``run(first, rows)`` gives the outputs, each (rows, …), for items ``first`` up to
    ``first + rows`` of an endless sequence. ``heights``: those to look at, all candidates where
    ``None``.
    """
    base = anchor(bounds, max_batch, device)
    tried = sorted({base, *(heights or candidates(bounds, max_batch, device))})
    parts = [_bits(run(first, base)) for first in range(0, tried[-1], base)]
    expected = [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]
    same = tuple(rows for rows in tried if rows == base or _agree(_bits(run(0, rows)), expected))
    return Heights(same, _spare(bounds, device))


def _spare(bounds: Bounds, device: torch.device) -> int:
    return _GPU_SPARE if device.type == "cuda" else bounds.spare


def _bits(outputs: Sequence[Tensor]) -> list[_Bytes]:
    """Each output as bytes, (rows, bytes of a row)."""
    return [
        output.contiguous().cpu().view(torch.uint8).reshape(len(output), -1).numpy()
        for output in outputs
    ]


def _agree(found: Sequence[_Bytes], expected: Sequence[_Bytes]) -> bool:
    return all(np.array_equal(a, b[: len(a)]) for a, b in zip(found, expected, strict=True))
