"""Reads a folder of aligned windows back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from streams.align.types import Window
from workers.errors import OfflineError
from workers.offline.formats import shard_format
from workers.offline.index import ShardEntry, read_index

__all__ = ["read_index", "read_windows"]


def read_windows(folder: Path) -> Iterator[Window]:
    """Every window of a folder in the order of closing, a session's in the order of time.

    Their samples are ``columns.StoredSample``; their tallies have no offsets. One shard is in
    memory at a time. Raises ``OfflineError`` for a folder that is not one of windows, or a shard
    that is missing or is another than the index says.
    """
    index = read_index(folder)
    read = shard_format(index.format).read
    for shard in index.shards:
        _verify(folder / shard.file, shard)
        yield from read(folder / shard.file)


def _verify(path: Path, shard: ShardEntry) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise OfflineError(
            f"{path}: expected a shard, got {error.strerror}; copy the whole folder"
        ) from None
    if found != shard.sha256:
        raise OfflineError(
            f"{path}: expected sha256 {shard.sha256}, got {found}; the file is damaged or from "
            "another run: align the recording again"
        )
