"""What both transports of the Open Inference Protocol have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from workers.backends.graphs.description import GraphForm, TensorForm

#: Data types of the protocol that graphs use -> numpy's, little-endian as on the wire.
_DTYPES = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("u1"),
    "INT64": np.dtype("<i8"),
    "FP32": np.dtype("<f4"),
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


@dataclass(frozen=True, slots=True)
class TensorMetadata:
    """What a server says of a tensor; -1 in ``shape`` is an axis of any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """What a server says of a model."""

    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]


class Client(Protocol):
    """One server, by one transport. ``model`` is the server's name of a graph. Every call is
    bounded in time and raises ``RemoteError``, ``infer`` also ``RequestRefused``.
    """

    @property
    def name(self) -> str:
        """The server, for messages."""

    def metadata(self, model: str) -> ModelMetadata:
        """The tensors of a model."""

    def ready(self, model: str) -> bool:
        """Whether a model can be asked now."""

    def infer(
        self, model: str, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]
    ) -> dict[str, NDArray[Any]]:
        """Outputs by name. Raises ``ValueError`` where they cannot be read."""

    def close(self) -> None:
        """Close the connections."""


def datatype(tensor: NDArray[Any]) -> str:
    """The protocol's name of a tensor's type.

    >>> datatype(np.zeros(1, np.float32))
    'FP32'
    """
    return _NAMES[tensor.dtype]


def tensor_bytes(tensor: NDArray[Any]) -> bytes:
    """A tensor's values as they go over the wire: row by row, little-endian."""
    return np.ascontiguousarray(tensor, tensor.dtype.newbyteorder("<")).tobytes()


def read_tensor(kind: str, shape: Sequence[int], values: bytes) -> NDArray[Any]:
    """A tensor of raw bytes. Raises ``ValueError`` where type, shape and length do not agree."""
    dtype = _DTYPES.get(kind)
    if dtype is None or any(size < 0 for size in shape):
        raise ValueError(f"expected a type of {sorted(_DTYPES)} and a shape, got {kind!r:.40}")
    if len(values) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"expected {kind} {list(shape)}, got {len(values)} bytes")
    return np.frombuffer(values, dtype).reshape(tuple(shape))


def read_values(kind: str, shape: Sequence[int], values: Sequence[Any]) -> NDArray[Any]:
    """A tensor of a flat list of values. Raises ``ValueError`` as ``read_tensor`` does."""
    dtype = _DTYPES.get(kind)
    if dtype is None or any(size < 0 for size in shape):
        raise ValueError(f"expected a type of {sorted(_DTYPES)} and a shape, got {kind!r:.40}")
    try:
        flat = np.asarray(values, dtype)
    except (TypeError, OverflowError):
        raise ValueError(f"expected values of type {kind}, got others") from None
    if flat.size != math.prod(shape):
        raise ValueError(f"expected {kind} {list(shape)}, got {flat.size} values")
    return flat.reshape(tuple(shape))


def mismatches(form: GraphForm, found: ModelMetadata) -> list[str]:
    """Where a server's model is not the described graph, each in a line."""
    lines = []
    for what, described, served in (
        ("input", form.inputs, found.inputs),
        ("output", form.outputs, found.outputs),
    ):
        by_name = {each.name: each for each in served}
        # The server may have outputs that nobody asks for; an input that is not sent is missing.
        if what == "input" and set(by_name) - {each.name for each in described}:
            lines.append(
                f"inputs: expected {sorted(each.name for each in described)}, "
                f"the server wants {sorted(by_name)}"
            )
        for each in described:
            tensor = by_name.get(each.name)
            if tensor is None:
                lines.append(f"{what} {each.name!r}: the server has {sorted(by_name)}")
            elif not _agrees(each, tensor):
                lines.append(
                    f"{what} {each.name!r}: expected {each.dtype} {each.shape}, the server has "
                    f"{tensor.datatype} {list(tensor.shape)}"
                )
    return lines


def _agrees(form: TensorForm, tensor: TensorMetadata) -> bool:
    """0 and -1 are axes of any size; a size that only one side fixes may be what comes."""
    return (
        _DTYPES.get(tensor.datatype) == np.dtype(form.dtype)
        and len(form.shape) == len(tensor.shape)
        and all(
            ours <= 0 or theirs <= 0 or ours == theirs
            for ours, theirs in zip(form.shape, tensor.shape, strict=True)
        )
    )
