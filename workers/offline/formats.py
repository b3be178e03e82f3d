"""The formats of shards, by name; each is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from streams.align.types import Window
from workers.errors import OfflineError
from workers.offline.columns import Columns

FormatName = Literal["safetensors", "parquet"]


@dataclass(frozen=True, slots=True)
class ShardFormat:
    """How one format is written and read back."""

    suffix: str
    write: Callable[[Path, Columns], None]
    read: Callable[[Path], Iterator[Window]]


def shard_format(name: str) -> ShardFormat:
    """The format of a name. Raises ``OfflineError`` for an unknown one, or one not installed."""
    if name == "safetensors":
        from workers.offline import safetensors_shards

        return ShardFormat(
            safetensors_shards.SUFFIX, safetensors_shards.write, safetensors_shards.read
        )
    if name == "parquet":
        from workers.offline import parquet_shards

        return ShardFormat(parquet_shards.SUFFIX, parquet_shards.write, parquet_shards.read)
    raise OfflineError(f"format: expected safetensors or parquet, got {name[:40]!r}; choose one")
