"""Samples and windows as the tensors of a graph, and a graph's tensors as features and answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from workers.backends.graphs.description import MIN_LENGTH, GraphForm, TensorForm
from workers.encoders.base import Array, power_of_two
from workers.encoders.tiling import by_class
from workers.fusion.tokens import MODALITIES, Tokens, collate

Item = TypeVar("Item")

Tensors = Mapping[str, NDArray[Any]]
#: Longer axes do not come out of the codecs: audio has 6,000 frames at most.
_MAX_LENGTH = 8_192


def chunks(
    items: Sequence[Item], class_of: Callable[[Item], int], rows_of: Callable[[int], int]
) -> Iterator[tuple[int, list[int]]]:
    """Positions 0..n-1 by class, at most ``rows_of(class)`` of one class at a time.

    >>> list(chunks([7, 7, 9, 7], lambda length: length, lambda length: 2))
    [(7, [0, 1]), (7, [3]), (9, [2])]
    """
    for key, positions in by_class(items, class_of).items():
        rows = rows_of(key)
        for start in range(0, len(positions), rows):
            yield key, positions[start : start + rows]


def fixed(form: GraphForm, role: str, axis: int) -> int:
    """The size that an input has on an axis, 0 where any will do or it is not an input."""
    for each in form.inputs:
        if each.role == role:
            return each.shape[axis]
    return 0


def padded_length(array: Array, shape: Sequence[int]) -> int:
    """Padded length of a decoded sample's varying axis, which is its first; 1 where none varies."""
    return power_of_two(len(array), MIN_LENGTH, _MAX_LENGTH) if 0 in shape else 1


def encoder_inputs(
    form: GraphForm, arrays: Sequence[Array], shape: Sequence[int], length: int, rows: int
) -> dict[str, NDArray[Any]]:
    """Tensors by name for at most ``rows`` samples of one form, rows that are not filled zeros."""
    full = [length if size == 0 else size for size in shape]
    values = np.zeros((rows, *full), arrays[0].dtype)
    lengths = np.zeros(rows, np.int64)
    for row, array in enumerate(arrays):
        if 0 in shape:
            kept = array[:length]
            values[row, : len(kept)] = kept
            lengths[row] = len(kept)
        else:
            values[row] = array
    by_role = {"values": values, "lengths": lengths}
    return {each.name: by_role[each.role] for each in form.inputs}


def fusion_inputs(
    form: GraphForm, windows: Sequence[Tokens], length: int, rows: int
) -> dict[str, NDArray[Any]]:
    """Tensors by name for at most ``rows`` windows of at most ``length`` tokens."""
    batch = collate(windows, length, rows)
    by_role = {
        "features": batch.features,
        "modalities": batch.modalities,
        "sensors": batch.sensors,
        "times": batch.times,
        "present": batch.present,
    }
    return {each.name: by_role[each.role].numpy() for each in form.inputs}


def by_role(form: GraphForm, outputs: Tensors, rows: int) -> dict[str, NDArray[Any]]:
    """A graph's outputs by role.

    Raises ``ValueError``: one is missing, or has another type or shape than described.
    """
    found = {}
    for each in form.outputs:
        tensor = outputs.get(each.name)
        if tensor is None:
            raise ValueError(f"expected an output {each.name!r}, got {sorted(outputs)}")
        _check(each, tensor, rows)
        found[each.role] = tensor
    return found


def _check(form: TensorForm, tensor: NDArray[Any], rows: int) -> None:
    expected = [rows, *form.shape[1:]]
    if tensor.dtype != np.dtype(form.dtype) or list(tensor.shape) != expected:
        raise ValueError(
            f"output {form.name!r}: expected {form.dtype} {expected}, "
            f"got {tensor.dtype} {list(tensor.shape)}"
        )


def cut_tokens(tokens: Tokens, length: int) -> Tokens:
    """The newest tokens where a graph of fixed length has room for fewer."""
    if len(tokens) <= length:
        return tokens
    return Tokens(
        tokens.features[-length:],
        tokens.modalities[-length:],
        tokens.sensors[-length:],
        tokens.times[-length:],
    )


def shares_of(values: NDArray[np.float32], tokens: Tokens) -> dict[str, float]:
    """A window's row of ``shares``: those of the modalities that are there, their sum 1."""
    there = {MODALITIES[index] for index in tokens.modalities}
    found = {
        modality.value: float(share)
        for modality, share in zip(MODALITIES, values.astype(np.float64), strict=True)
        if modality in there and share > 0.0
    }
    total = sum(found.values())
    return {modality: share / total for modality, share in found.items()}


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities of each row, float64, so that they add up to 1 as far as JSON shows them."""
    wide = logits.astype(np.float64)
    raised = np.exp(wide - wide.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def normalised(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities of each row made to add up to 1.

    Raises ``ValueError`` where they are none: negative, or a sum that is off by more than 1 %.
    """
    wide = values.astype(np.float64)
    total = wide.sum(axis=-1, keepdims=True)
    if (wide < 0.0).any() or (np.abs(total - 1.0) > 0.01).any():
        raise ValueError("expected probabilities (none negative, sum 1), got other numbers")
    return np.asarray(wide / total)
