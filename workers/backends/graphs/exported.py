"""Graphs as ``torch.export`` archives (``.pt2``), run by torch in this process."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workers.backends.graphs.archive import check_archive
from workers.backends.graphs.description import GraphForm
from workers.device import device_failures
from workers.errors import ModelError


class ExportedGraphs:
    """``workers.backends.graphs.model.GraphRunner`` by torch, on one device.

    ``torch.export.load`` can run code that a file brings along; only what ``check_archive`` has
    looked through is given to it. Programs compute in the types they were exported with.
    """

    def __init__(
        self,
        name: str,
        forms: Mapping[str, GraphForm],
        files: Mapping[str, bytes],
        device: torch.device,
    ) -> None:
        """``files``: graph -> the archive's bytes. Raises ``ModelError``."""
        self._name = name
        self._forms = forms
        self._device = device
        self._programs = {
            graph: _open(name, form.file, files[graph], device) for graph, form in forms.items()
        }

    @property
    def lanes(self) -> int:
        """One: batches at the same time would only take the device from each other."""
        return 1

    @property
    def remote(self) -> str:
        """In this process."""
        return ""

    @torch.inference_mode()
    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """See ``GraphRunner.run``. Raises ``DeviceError``, ``ModelError`` where a program gives
        something else than its outputs, and what torch raises.
        """
        form = self._forms[graph]
        with device_failures():
            given = [torch.from_numpy(inputs[each.name]).to(self._device) for each in form.inputs]
            answer = self._programs[graph](*given)
            tensors = answer if isinstance(answer, tuple | list) else (answer,)
            if len(tensors) != len(form.outputs) or not all(map(torch.is_tensor, tensors)):
                raise ModelError(
                    self._name,
                    f"{form.file}: expected {len(form.outputs)} tensors in a tuple "
                    f"({', '.join(each.name for each in form.outputs)}), got "
                    f"{type(answer).__name__} of {len(answer) if tensors is answer else 1}; export "
                    "a module that returns them in this order",
                )
            return {
                each.name: np.asarray(tensor.float().cpu())
                for each, tensor in zip(form.outputs, tensors, strict=True)
            }

    def close(self) -> None:
        """Nothing is open."""


def _open(
    name: str, file: str, blob: bytes, device: torch.device
) -> Callable[..., torch.Tensor | tuple[torch.Tensor, ...]]:
    try:
        check_archive(blob)
    except ValueError as error:
        raise ModelError(name, f"{file} is not opened: {error}") from None
    try:
        program = torch.export.load(io.BytesIO(blob))
        if device.type != "cpu":
            from torch.export.passes import move_to_device_pass

            program = move_to_device_pass(program, device)
        return program.module(check_guards=False)
    except Exception as error:
        raise ModelError(
            name,
            f"{file} cannot be loaded by torch {torch.__version__} ({type(error).__name__}); "
            "export it again with this version",
        ) from error
