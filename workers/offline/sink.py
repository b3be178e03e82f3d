"""Writes windows as they close: shards of a bounded size, and the list of what was diverted."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from streams.align.types import LateSample, Window
from workers.offline.canonical import combine, window_digest
from workers.offline.columns import ColumnsBuilder
from workers.offline.formats import ShardFormat
from workers.offline.index import Diverted, ShardEntry
from workers.offline.intake import Refused
from workers.offline.spool import Content

DIVERTED_FILE = "diverted.jsonl"
#: Bytes of samples after which a shard ends early. It is in memory twice while it is written.
SHARD_BYTES = 128_000_000


class Sink:
    """One folder's shards. Use as a context manager; ``finish`` before its end."""

    def __init__(
        self,
        folder: Path,
        shards: ShardFormat,
        contents: Callable[[bytes], Content],
        *,
        shard_windows: int,
        shard_bytes: int = SHARD_BYTES,
    ) -> None:
        self._folder = folder
        self._format = shards
        self._contents = contents
        self._shard_windows = shard_windows
        self._shard_bytes = shard_bytes
        self._builder = ColumnsBuilder(contents)
        self._digests: list[bytes] = []
        self._lines = (folder / DIVERTED_FILE).open("wb")
        self._lines_digest = hashlib.sha256()
        self._invalid: Counter[str] = Counter()
        self._late: Counter[str] = Counter()
        self.shards: list[ShardEntry] = []
        self.windows = 0
        #: (input, sensor) -> samples or parts in windows
        self.in_windows: Counter[tuple[str, str]] = Counter()
        self.late: Counter[tuple[str, str]] = Counter()

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._lines.close()

    def add(self, window: Window) -> None:
        """Write one window, sooner or later. Raises ``OSError``."""
        stored = self._builder.add(window)
        self._digests.append(window_digest(stored))
        self.windows += 1
        for sample in stored.samples:
            sensor = sample.sensor.removeprefix(f"{sample.input}/")
            self.in_windows[sample.input, sensor] += 1
        if self._builder.windows >= self._shard_windows or self._builder.size >= self._shard_bytes:
            self._write_shard()

    def refuse(self, refused: Refused) -> None:
        """List a sample that the stream would make a dead letter."""
        self._invalid[refused.reason] += 1
        self._list(
            {
                "kind": "invalid",
                "input": refused.input,
                "offset": refused.offset,
                "session": refused.session,
                "sensor": refused.sensor,
                "start_us": refused.start_us,
                "stage": refused.stage,
                "reason": refused.reason,
                "message": refused.message,
            }
        )

    def divert(self, late: LateSample) -> None:
        """List a sample that came after its window was closed."""
        self._late[late.reason] += 1
        self.late[late.input, late.sensor] += 1
        self._list({"kind": "late", **msgspec.to_builtins(late)})

    def _list(self, line: dict[str, Any]) -> None:
        encoded = msgspec.json.encode(line) + b"\n"
        self._lines_digest.update(encoded)
        self._lines.write(encoded)

    def finish(self, no_room: int) -> tuple[str, Diverted]:
        """Write what is left; the digest of all windows and what was diverted."""
        if self._builder.windows:
            self._write_shard()
        self._lines.flush()
        diverted = Diverted(
            DIVERTED_FILE,
            self._lines_digest.hexdigest(),
            dict(sorted(self._invalid.items())),
            dict(sorted(self._late.items())),
            no_room,
        )
        return combine(self._digests), diverted

    def _write_shard(self) -> None:
        builder, self._builder = self._builder, ColumnsBuilder(self._contents)
        name = f"windows-{len(self.shards):05d}{self._format.suffix}"
        path = self._folder / name
        self._format.write(path, builder.build())
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        self.shards.append(
            ShardEntry(name, builder.windows, builder.samples, path.stat().st_size, sha256)
        )
