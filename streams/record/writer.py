"""Records into MCAP files: chunked and compressed, a new file where one is full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal

from schemas.pipeline import Pipeline
from streams.errors import RecordError
from streams.record.digest import Totals
from streams.record.extra import require
from streams.record.message import SCHEMA, encode, file_descriptor_set
from streams.records import Record

Compression = Literal["zstd", "lz4", "none"]
PROFILE = "sensorium"
#: Held in memory until it is full, then compressed and written; what a crash can cost.
_CHUNK_BYTES = 1_000_000


class Writer:
    """Writes the records of a pipeline's topics; use as a context, or call ``close``.

    ``path``: the file, or with ``max_bytes`` the stem of ``NAME-0001.mcap``, ``NAME-0002.mcap``
    and so on, each closed once it has so many bytes. ``channels``: topic -> what its channel's
    metadata says. Memory holds one chunk. Raises ``RecordError`` for a file that is there already
    or that cannot be written.
    """

    def __init__(
        self,
        path: Path,
        pipeline: Pipeline,
        channels: Mapping[str, Mapping[str, str]],
        *,
        compression: Compression = "zstd",
        max_bytes: int | None = None,
        force: bool = False,
    ) -> None:
        self._module = require("mcap.writer")
        self._path = path
        self._pipeline = pipeline
        self._channels = channels
        self._compression = self._module.CompressionType[compression.upper()]
        self._max_bytes = max_bytes
        self._force = force
        self.totals = Totals()
        self.files: list[Path] = []
        self._file: BinaryIO | None = None
        self._writer: Any = None
        self._ids: dict[str, int] = {}
        if max_bytes is not None:
            self._clear()
        self._open()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, record: Record, at_us: int) -> None:
        """Write one record, which was handed over at ``at_us``."""
        file = self._file or self._open()
        try:
            self._writer.add_message(
                channel_id=self._ids[record.topic],
                log_time=at_us * 1_000,
                publish_time=max(0, record.timestamp_ms) * 1_000_000,
                # Its field has 32 bits; the message has the whole offset.
                sequence=record.offset & 0xFFFFFFFF,
                data=encode(record),
            )
            self.totals.add(record)
            if self._max_bytes is not None and file.tell() >= self._max_bytes:
                self.close()
        except OSError as error:
            raise self._cannot(error) from None

    def close(self) -> None:
        """Complete the file in hand; a record that comes after it begins the next one."""
        if self._file is None:
            return
        try:
            self._writer.finish()
            self._file.close()
        except OSError as error:
            raise self._cannot(error) from None
        finally:
            self._file = None

    def _clear(self) -> None:
        """No file of an earlier recording may be taken for a part of this one."""
        pattern = f"{self._path.stem}-[0-9][0-9][0-9][0-9]{self._path.suffix}"
        for stale in sorted(self._path.parent.glob(pattern)):
            if not self._force:
                raise _taken(stale)
            stale.unlink(missing_ok=True)

    def _open(self) -> BinaryIO:
        path = self._path
        if self._max_bytes is not None:
            path = path.with_name(f"{path.stem}-{len(self.files) + 1:04d}{path.suffix}")
        try:
            # In use until ``close``.
            file: BinaryIO = path.open("wb" if self._force else "xb")
            self._file = file
            self.files.append(path)
            self._writer = self._module.Writer(
                file, chunk_size=_CHUNK_BYTES, compression=self._compression
            )
            self._writer.start(profile=PROFILE, library="sensorium")
            self._writer.add_metadata("sensorium", {"pipeline": self._pipeline.pipeline})
        except FileExistsError:
            raise _taken(path) from None
        except OSError as error:
            raise self._cannot(error) from None
        schema = self._writer.register_schema(SCHEMA, "protobuf", file_descriptor_set())
        self._ids = {
            topic: self._writer.register_channel(topic, "protobuf", schema, dict(metadata))
            for topic, metadata in self._channels.items()
        }
        return file

    def _cannot(self, error: OSError) -> RecordError:
        path = self.files[-1] if self.files else self._path
        return RecordError(
            f"{path}: cannot be written ({error.strerror or error}); check the folder and its space"
        )


def _taken(path: Path) -> RecordError:
    return RecordError(f"{path}: expected no such file, got one; choose another name, or --force")


def channels_of(
    pipeline: Pipeline, inputs: Sequence[str], outputs: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Topic -> metadata of its channel, for some inputs and output topics of a pipeline."""
    found = {
        pipeline.topic(name): {
            "pipeline": pipeline.pipeline,
            "input": name,
            "modality": str(pipeline.inputs[name].modality),
        }
        for name in inputs
    }
    for name in outputs:
        found[pipeline.topic(name)] = {"pipeline": pipeline.pipeline, "output": name}
    return found
