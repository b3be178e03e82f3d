"""On which inputs and which moments of a window a model's answers rest.

By occlusion (Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014):
what the answer loses without the samples of one input in one part of the window. It asks any
model, where attention weights are one kind's own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.align.types import Window
from streams.compute import Fusion

#: Parts of a window.
PARTS = 8
#: Windows asked about: each costs a run for each input and part.
MOST_WINDOWS = 64

Fuse = Callable[[Sequence[Window]], Awaitable[Sequence[Fusion]]]


@dataclass(frozen=True, slots=True)
class Moments:
    """``lost``: float64 (inputs, PARTS), the mean fall of the predicted label's probability; NaN
    where no window has a sample. Parts go from the window's begin to its end, of ``size_us``.
    """

    inputs: tuple[str, ...]
    lost: NDArray[np.float64]
    windows: int
    size_us: int


async def moments(
    fuse: Fuse, task: str, inputs: Sequence[str], windows: Sequence[Window]
) -> Moments | None:
    """Ask about some of the windows, evenly spread; ``None`` where there is none."""
    step = max(1, -(-len(windows) // MOST_WINDOWS))
    chosen = list(windows[::step])
    if not chosen:
        return None
    whole = await fuse(chosen)
    hidden: list[tuple[int, int, int, Window]] = [
        (number, row, part, without)
        for number, window in enumerate(chosen)
        for row, name in enumerate(inputs)
        for part in range(PARTS)
        if (without := _without(window, name, part)) is not None
    ]
    answers = await fuse([window for *_, window in hidden]) if hidden else []
    total, count = np.zeros((len(inputs), PARTS)), np.zeros((len(inputs), PARTS))
    for (number, row, part, _), answer in zip(hidden, answers, strict=True):
        said = whole[number].tasks.get(task)
        left = answer.tasks.get(task)
        if said and left:
            label = max(said, key=said.__getitem__)
            total[row, part] += said[label] - left[label]
            count[row, part] += 1
    lost = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return Moments(tuple(inputs), lost, len(chosen), chosen[0].end_us - chosen[0].start_us)


def _without(window: Window, input: str, part: int) -> Window | None:
    """The window without an input's samples in one part; ``None`` where it has none there."""
    kept = tuple(
        sample
        for sample in window.samples
        if sample.input != input or _part_of(sample.start_us, window) != part
    )
    if len(kept) == len(window.samples):
        return None
    return msgspec.structs.replace(window, samples=kept)


def _part_of(at_us: int, window: Window) -> int:
    """What is held from before the window counts as of its first part."""
    size_us = window.end_us - window.start_us
    return min(PARTS - 1, max(0, (at_us - window.start_us) * PARTS // size_us))
