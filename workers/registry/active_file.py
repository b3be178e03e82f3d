"""``active.json``: read by every worker every few seconds, written as a whole or not at all."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from workers.errors import ModelError
from workers.registry.history import History
from workers.registry.layout import ACTIVE_FILE


class _Active(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``version``: of the last activation, for those who read the file themselves."""

    version: str
    history: History


def read_history(folder: Path) -> History:
    """The activations of the model in this folder, oldest first; none where there is no file.

    Raises ``ModelError`` where the file is there but says nothing that can be followed.
    """
    path = folder / ACTIVE_FILE
    try:
        active = msgspec.json.decode(path.read_bytes(), type=_Active)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ModelError(
            folder.name, f"expected a readable {path}, got {error.strerror}; check who may read it"
        ) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ModelError(
            folder.name,
            f"{path} does not say which version is active ({error}); remove it and activate one",
        ) from None
    if not active.history or active.history[-1].version != active.version:
        raise ModelError(
            folder.name,
            f"{path}: expected the last activation to be of version {active.version!r}, got "
            "another; remove it and activate one",
        )
    return active.history


def write_history(folder: Path, history: History) -> None:
    """Replace the file. A reader finds the former content or this one, after a crash too."""
    active = _Active(history[-1].version, history)
    text = msgspec.json.format(msgspec.json.encode(active), indent=2) + b"\n"
    fresh = folder / f".{ACTIVE_FILE}.{os.getpid()}"
    with fresh.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / ACTIVE_FILE)
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    """Make a rename in it durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Nobody else changes what is active of this model while the block runs."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
