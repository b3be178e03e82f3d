"""From the host to the device: on a stream of its own, so that copies and kernels overlap."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Mover:
    """Brings batches to a device; on a CPU it leaves them where they are."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = (
            torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        )

    def __call__(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The same tensors on the device, for kernels of the current stream.

        From page-locked memory a copy goes on while the host builds the next batch and the device
        computes the one before.
        """
        if self._stream is None:
            return tuple(tensors)
        with torch.cuda.stream(self._stream):
            moved = tuple(
                tensor.pin_memory().to(self._device, non_blocking=True) for tensor in tensors
            )
        current = torch.cuda.current_stream(self._device)
        current.wait_stream(self._stream)
        for tensor in moved:
            # The allocator must not hand the memory out again before the kernels are through.
            tensor.record_stream(current)
        return moved
