"""Shards as safetensors: each column an array of that name, the strings in the metadata."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import safetensors
from safetensors.numpy import save_file

from streams.align.types import Window
from workers.errors import OfflineError
from workers.offline.columns import TALLY_NUMBERS, Columns, StoredSample, tally_of, window_of

SUFFIX = ".safetensors"


def write(path: Path, columns: Columns) -> None:
    """Write one shard; equal columns give equal bytes. Raises ``OSError``."""
    names = {kind: msgspec.json.encode(names).decode() for kind, names in columns.names.items()}
    # The library orders metadata by a hash that changes from run to run: one entry has one order.
    save_file(dict(columns.arrays), path, {"names": msgspec.json.encode(names).decode()})
    # It makes files for their owner alone; these are to be shared as the folder is.
    path.chmod(path.parent.stat().st_mode & 0o666)


def read(path: Path) -> Iterator[Window]:
    """The shard's windows in order. Raises ``OfflineError`` for a file that is not a shard."""
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        strings = msgspec.json.decode(metadata["names"], type=dict[str, str])
        names = {kind: msgspec.json.decode(text, type=list[str]) for kind, text in strings.items()}
        yield from _windows(Columns(names, arrays))
    except (safetensors.SafetensorError, KeyError, IndexError, msgspec.MsgspecError) as error:
        raise OfflineError(
            f"{path}: expected a shard of windows, got {type(error).__name__} ({error}); align "
            "the recording again"
        ) from None


def _windows(columns: Columns) -> Iterator[Window]:
    data, names = columns.arrays["content.bytes"], columns.names
    # Plain integers: looking single numbers up in an array takes ten times as long.
    n = {name: each.tolist() for name, each in columns.arrays.items() if name != "content.bytes"}
    first_byte = n["content.first_byte"]
    for row in range(columns.windows):
        samples = []
        for at in range(n["window.first_sample"][row], n["window.first_sample"][row + 1]):
            content = n["sample.content"][at]
            samples.append(
                StoredSample(
                    names["sensor"][n["sample.sensor"][at]],
                    names["input"][n["sample.input"][at]],
                    n["sample.offset"][at],
                    n["sample.start_us"][at],
                    n["sample.end_us"][at],
                    data[first_byte[content] : first_byte[content + 1]].tobytes(),
                    names["content_type"][n["content.type"][content]],
                )
            )
        tallies = {
            names["sensor"][n["tally.sensor"][at]]: tally_of(
                names["input"][n["tally.input"][at]],
                [n[f"tally.{field}"][at] for field in TALLY_NUMBERS],
            )
            for at in range(n["window.first_tally"][row], n["window.first_tally"][row + 1])
        }
        yield window_of(
            names["session"][n["window.session"][row]],
            n["window.start_us"][row],
            n["window.end_us"][row],
            samples,
            tallies,
        )
