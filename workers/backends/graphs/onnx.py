"""Graphs as ONNX files, run by ONNX Runtime in this process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workers.backends.extras import require
from workers.backends.graphs.description import GraphForm, TensorForm
from workers.errors import DeviceError, ModelError
from workers.registry.layout import MODEL_FILE

#: numpy's types whose name is another one in ONNX.
_TYPES = {"float32": "float", "float64": "double"}


class OnnxGraphs:
    """``workers.backends.graphs.model.GraphRunner`` by ONNX Runtime.

    Weights stand in the files themselves, whose digests were checked. Custom operators are not
    loaded.
    """

    def __init__(
        self,
        name: str,
        forms: Mapping[str, GraphForm],
        files: Mapping[str, bytes],
        device: torch.device,
        threads: int,
    ) -> None:
        """``files``: graph -> the file's bytes. ``threads``: of one operator.

        Raises ``ModelError``: ONNX Runtime is not installed, or a file is none that it runs;
        ``DeviceError``: it cannot use the device.
        """
        runtime = require("onnxruntime", "onnx")
        self._forms = forms
        self._failure = runtime.capi.onnxruntime_pybind11_state.RuntimeException
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that spin while they wait would take the cores from decoding.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = _providers(runtime.get_available_providers(), device)
        self._sessions = {}
        for graph, form in forms.items():
            try:
                session = runtime.InferenceSession(files[graph], options, providers)
            except Exception as error:
                said = " ".join(str(error).split())[:300]
                raise ModelError(
                    name,
                    f"{form.file} cannot be loaded by ONNX Runtime {runtime.__version__} "
                    f"({type(error).__name__}: {said}); export it again with its weights inside",
                ) from None
            _check(name, graph, form, session)
            self._sessions[graph] = session

    @property
    def lanes(self) -> int:
        """One: batches at the same time would only take the device from each other."""
        return 1

    @property
    def remote(self) -> str:
        """In this process."""
        return ""

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """See ``GraphRunner.run``. Raises ``DeviceError`` where memory ran out, and what ONNX
        Runtime raises.
        """
        names = [each.name for each in self._forms[graph].outputs]
        try:
            values = self._sessions[graph].run(names, dict(inputs))
        except self._failure as error:
            if "allocate memory" not in str(error):
                raise
            raise DeviceError("the device ran out of memory; lower model.max_batch") from error
        return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}

    def close(self) -> None:
        """Let the sessions go."""
        self._sessions.clear()


def _providers(available: list[str], device: torch.device) -> list[Any]:
    if device.type == "cpu":
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in available:
        raise DeviceError(
            f"expected an ONNX Runtime that can use {device}, it has {available}; install "
            "onnxruntime-gpu or set the device to cpu"
        )
    # TF32 would take 13 of the 23 bits that answers are compared with.
    cuda = {"device_id": device.index or 0, "use_tf32": 0}
    return [("CUDAExecutionProvider", cuda), "CPUExecutionProvider"]


def _check(name: str, graph: str, form: GraphForm, session: Any) -> None:
    """Raise ``ModelError`` where the file has not the tensors that the description names, or they
    are of another type or of sizes that it leaves open.
    """
    for what, described, found in (
        ("inputs", form.inputs, session.get_inputs()),
        ("outputs", form.outputs, session.get_outputs()),
    ):
        expected, got = {each.name for each in described}, {each.name for each in found}
        if expected != got:
            raise ModelError(
                name,
                f"{form.file}: {what} of {graph}: expected {sorted(expected)}, got {sorted(got)}",
            )
        by_name = {each.name: each for each in found}
        for each in described:
            tensor = by_name[each.name]
            if not _agrees(each, tensor, open_axes=what == "outputs"):
                raise ModelError(
                    name,
                    f"{form.file}: {each.name!r} of {graph}: expected {each.dtype} {each.shape} as "
                    f"{MODEL_FILE} says (0: any size), the file has {tensor.type} {tensor.shape}",
                )


def _agrees(form: TensorForm, tensor: Any, *, open_axes: bool) -> bool:
    """Names and ``None`` are axes of any size, as 0 is here. ``open_axes``: what the file says of
    an axis that is open here does not count, as with outputs, whose sizes it need not know.
    """
    sizes = tensor.shape or form.shape
    return (
        tensor.type == f"tensor({_TYPES.get(form.dtype, form.dtype)})"
        and len(sizes) == len(form.shape)
        and all(
            not isinstance(theirs, int) or ours == theirs or (open_axes and not ours)
            for ours, theirs in zip(form.shape, sizes, strict=True)
        )
    )
