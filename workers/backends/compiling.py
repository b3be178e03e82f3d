"""``model.compile``: a network as it is, through inductor, or as recorded CUDA graphs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Literal

import torch
import torch._dynamo
from torch import Tensor

from workers.errors import DeviceError

#: Tensors in, tensors out.
Part = Callable[..., tuple[Tensor, ...]]
Compile = Literal["none", "inductor", "cuda_graphs"]

#: Shapes of one network that may be compiled; beyond it torch would quietly stop compiling.
_MAX_SHAPES = 256
#: Runs before a graph is recorded: libraries choose kernels and allocate workspaces in them.
_RUNS_BEFORE_CAPTURE = 3


def compiled(part: Part, how: Compile, device: torch.device) -> Part:
    """The part, made ready as the pipeline file says; each shape costs time at its first run.

    Raises ``DeviceError`` where that cannot be done on this machine.
    """
    if how == "none":
        return part
    if how == "cuda_graphs":
        if device.type != "cuda":
            raise DeviceError(
                f"expected a CUDA device for model.compile: cuda_graphs, got {device}; use none "
                "or inductor"
            )
        return Graphs(part, device)
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise DeviceError(
            f"expected a C++ compiler for model.compile: inductor, found no {compiler!r}; install "
            "one, name it in CXX, or set model.compile to none"
        )
    torch._dynamo.config.recompile_limit = _MAX_SHAPES
    torch._dynamo.config.accumulated_recompile_limit = 4 * _MAX_SHAPES
    return torch.compile(part, dynamic=False)


class Graphs:
    """A part recorded once per shape and replayed: no launch of single kernels from Python.

    Use from one thread. Inputs are copied to where the graph reads them, outputs from where it
    writes them.
    """

    def __init__(self, part: Part, device: torch.device) -> None:
        self._part = part
        self._device = device
        #: shapes of the inputs -> graph, the tensors it reads, the tensors it writes
        self._recorded: dict[
            tuple[torch.Size, ...], tuple[torch.cuda.CUDAGraph, list[Tensor], tuple[Tensor, ...]]
        ] = {}

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """As the part, for inputs on the device."""
        key = tuple(tensor.shape for tensor in inputs)
        if key not in self._recorded:
            self._recorded[key] = self._record(inputs)
        graph, reads, writes = self._recorded[key]
        for place, tensor in zip(reads, inputs, strict=True):
            place.copy_(tensor)
        graph.replay()
        return tuple(tensor.clone() for tensor in writes)

    def _record(
        self, inputs: tuple[Tensor, ...]
    ) -> tuple[torch.cuda.CUDAGraph, list[Tensor], tuple[Tensor, ...]]:
        reads = [tensor.clone() for tensor in inputs]
        side = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(side):
            for _ in range(_RUNS_BEFORE_CAPTURE):
                self._part(*reads)
        torch.cuda.current_stream(self._device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            writes = self._part(*reads)
        return graph, reads, writes
