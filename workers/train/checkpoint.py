"""Checkpoints: all that a run needs to go on as if it had not been interrupted.

``epoch-0003/state.safetensors`` beside ``state.json``; no pickle. The newest two are kept: one that
is being written when the power fails must not be the only one.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from workers.errors import TrainError

_STATE, _TENSORS = "state.json", "state.safetensors"
_KEPT = 2


class Epoch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One epoch of a learning curve. ``scores``: task -> metric -> validation score; ``score``: the
    one that decides, higher is better. ``learning_rate``: at the epoch's end. ``seconds``: wall.
    """

    epoch: int
    loss: float
    learning_rate: float
    scores: dict[str, dict[str, float]]
    score: float | None
    seconds: float


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A run after an epoch. ``run``: digest of plan, settings, seed and windows. ``best_epoch``:
    the one whose weights are kept as best, 0 before any was scored. ``averaged``: how often weights
    were taken into the average.
    """

    run: str
    epoch: int
    step: int
    best_epoch: int
    averaged: int
    curve: list[Epoch]


def save_checkpoint(folder: Path, state: State, tensors: Mapping[str, Tensor]) -> None:
    """Write a checkpoint, as a whole or not at all, and remove those before the newest two."""
    target = folder / f"epoch-{state.epoch:04d}"
    part = folder / f".{target.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    safetensors.torch.save_file(plain, part / _TENSORS)
    (part / _STATE).write_bytes(msgspec.json.encode(state))
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)
    for old in _checkpoints(folder)[:-_KEPT]:
        shutil.rmtree(old)


def load_checkpoint(folder: Path, run: str) -> tuple[State, dict[str, Tensor]] | None:
    """The newest checkpoint, ``None`` where there is none.

    Raises ``TrainError`` where it is damaged or of another run.
    """
    found = _checkpoints(folder)
    if not found:
        return None
    newest = found[-1]
    try:
        state = msgspec.json.decode((newest / _STATE).read_bytes(), type=State)
        tensors = safetensors.torch.load_file(newest / _TENSORS)
    except (OSError, msgspec.MsgspecError, safetensors.SafetensorError) as error:
        raise TrainError(
            f"{newest}: expected a checkpoint, got {type(error).__name__}; remove it to go on from "
            "the one before"
        ) from None
    if state.run != run:
        raise TrainError(
            f"{newest}: expected a checkpoint of this plan, seed and data, got one of another run; "
            "start without --resume, or name another folder"
        )
    return state, tensors


def has_checkpoint(folder: Path) -> bool:
    """Whether there is one to go on from."""
    return bool(_checkpoints(folder))


def discard_checkpoints(folder: Path) -> None:
    """Remove what an earlier run has left: it would be taken for the newest of the next one."""
    for old in _checkpoints(folder):
        shutil.rmtree(old)


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("epoch-*") if path.is_dir())


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those tensors of a checkpoint whose names begin so, by the rest of their names."""
    return {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }


def on_device(tensors: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """The same tensors on a device."""
    return {name: value.to(device) for name, value in tensors.items()}
