"""The parts of a torch network on one device: how they are run, and in which heights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor

from workers.backends.compiling import Compile, Part, compiled
from workers.backends.heights import agreeing, only_anchor
from workers.backends.moving import Mover
from workers.encoders.base import Bounds
from workers.encoders.tiling import Heights

Precision = Literal["float32", "bfloat16", "float16"]

_TYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class Parts:
    """Encoders and fusion of one network, by name. Use from one thread at a time.

    Until ``agree`` has found out which heights of a shape agree, it is run in the first alone, so
    that an item's output has the same bits whatever else is in the call.
    """

    def __init__(
        self,
        parts: Mapping[str, Part],
        device: torch.device,
        *,
        max_batch: int,
        precision: Precision,
        compile: Compile,
    ) -> None:
        """Raises ``DeviceError`` where a part cannot be compiled as asked."""
        self._parts = {name: compiled(part, compile, device) for name, part in parts.items()}
        self._device = device
        self._max_batch = max_batch
        self._reduced_type = _TYPES.get(precision)
        self._few_shapes = compile != "none"
        self._mover = Mover(device)
        self._heights: dict[tuple[str, int], Heights] = {}

    def run(self, part: str, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """A part's output, on the device; under autocast where less than float32 is asked for."""
        moved = self._mover(tensors)
        with self._reduced():
            return self._parts[part](*moved)

    def heights_of(self, part: str, size_class: int, bounds: Bounds) -> Heights:
        """The heights in which a part may be run for items of a size."""
        known = self._heights.get((part, size_class))
        return known or only_anchor(bounds, self._max_batch, self._device)

    def agree(
        self,
        part: str,
        size_class: int,
        bounds: Bounds,
        run: Callable[[int, int], Sequence[Tensor]],
    ) -> None:
        """Find out which heights agree; ``run`` as of ``workers.backends.heights.agreeing``."""
        # Each shape that is compiled takes seconds: two heights are enough then.
        tried = (min(bounds.most, self._max_batch),) if self._few_shapes else None
        self._heights[part, size_class] = agreeing(
            bounds, self._max_batch, self._device, run, tried
        )

    def _reduced(self) -> AbstractContextManager[object]:
        if self._reduced_type is None:
            return nullcontext()
        return torch.autocast(self._device.type, self._reduced_type)


def encoding(encoder: Callable[..., Tensor]) -> Part:
    """An encoder as a part: its features alone."""

    def run(*tensors: Tensor) -> tuple[Tensor, ...]:
        return (encoder(*tensors),)

    return run
