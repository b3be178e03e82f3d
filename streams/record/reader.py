"""Recordings read back: in the order of handing over, also from a file that was cut short."""

from __future__ import annotations

import heapq
import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from streams.errors import FeedError, RecordError
from streams.record.extra import require
from streams.record.message import SCHEMA, decode
from streams.records import Record

#: What an MCAP file begins and ends with.
_MAGIC = b"\x89MCAP0\r\n"
#: Longest record of an MCAP file that is read; ours are chunks of a megabyte or a message.
_MAX_RECORD_BYTES = 256_000_000


class Recorded(NamedTuple):
    """One record of a recording; ``channel``: what its channel's metadata says."""

    at_us: int
    channel: Mapping[str, str]
    record: Record


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file says of itself. ``counts``: messages by MCAP topic; ``schemas``: topic -> name
    of its schema; ``channels``: topic -> metadata. ``cut_short``: it has no end of its own.
    """

    path: Path
    counts: Mapping[str, int]
    schemas: Mapping[str, str]
    channels: Mapping[str, Mapping[str, str]]
    first_us: int
    last_us: int
    cut_short: bool

    @property
    def is_recording(self) -> bool:
        """Whether it holds records of topics, as ``streams.record.writer`` writes them."""
        return SCHEMA in self.schemas.values()


def contents(path: Path) -> Contents:
    """Read what a file holds, by its summary, or by reading it where it was cut short.

    Raises ``FeedError`` for a file that is no MCAP, ``RecordError`` without the extra ``mcap``.
    """
    with ExitStack() as stack:
        reader, cut_short = _open(path, stack)
        summary = reader.get_summary()
        counts: dict[str, int] = {}
        names: dict[str, str] = {}
        metadata: dict[str, dict[str, str]] = {}
        for number, channel in summary.channels.items():
            schema = summary.schemas.get(channel.schema_id)
            held = summary.statistics.channel_message_counts.get(number, 0)
            counts[channel.topic] = counts.get(channel.topic, 0) + held
            names[channel.topic] = schema.name if schema is not None else ""
            metadata[channel.topic] = dict(channel.metadata)
        return Contents(
            path,
            counts,
            names,
            metadata,
            summary.statistics.message_start_time // 1_000,
            summary.statistics.message_end_time // 1_000,
            cut_short,
        )


def messages(path: Path, topics: Sequence[str] | None = None) -> Iterator[tuple[Any, Any, Any]]:
    """(schema, channel, message) of a file in the order of log times; see ``mcap.reader``.

    Memory holds the chunks whose times overlap. Raises ``FeedError``.
    """
    with ExitStack() as stack:
        reader, _ = _open(path, stack)
        try:
            yield from reader.iter_messages(topics=topics)
        except _damage() as error:
            raise _damaged(path, error) from None


def read_recording(
    paths: Sequence[Path], topics: Sequence[str] | None = None
) -> Iterator[Recorded]:
    """Every record of a recording's files in the order of handing over, a partition's in the
    order of its offsets. Raises ``FeedError``.
    """
    return heapq.merge(*(_records(path, topics) for path in paths), key=lambda one: one.at_us)


def _records(path: Path, topics: Sequence[str] | None) -> Iterator[Recorded]:
    for schema, channel, message in messages(path, topics):
        if schema is not None and schema.name == SCHEMA:
            try:
                record = decode(message.data)
            except RecordError as error:
                raise FeedError(f"{path}: {error}") from None
            yield Recorded(message.log_time // 1_000, channel.metadata, record)


def _open(path: Path, stack: ExitStack) -> tuple[Any, bool]:
    """A reader of the file, or of a copy of its whole chunks where it has no summary; and whether
    the file was cut short.
    """
    module = require("mcap.reader")
    try:
        file = stack.enter_context(path.open("rb"))
    except OSError as error:
        raise FeedError(
            f"{path}: expected a readable file, got {error.strerror or error}; check the path"
        ) from None
    try:
        reader = module.SeekingReader(file, validate_crcs=True, record_size_limit=_MAX_RECORD_BYTES)
        summary = reader.get_summary()
        if summary is not None and summary.statistics is not None:
            return reader, False
    except _damage():
        pass
    whole = _is_complete(file)
    file.seek(0)
    copy = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  (the stack closes it)
    _recover(path, file, copy)
    return module.SeekingReader(copy), not whole


def _is_complete(file: IO[bytes]) -> bool:
    """Whether the file ends as MCAP files do; a summary it need not have."""
    end = file.seek(0, io.SEEK_END)
    file.seek(max(0, end - len(_MAGIC)))
    return file.read() == _MAGIC


def _recover(path: Path, file: IO[bytes], copy: IO[bytes]) -> None:
    """Write the messages of all whole chunks anew, with a summary."""
    streams, writers = require("mcap.stream_reader"), require("mcap.writer")
    kinds = require("mcap.records")
    writer = writers.Writer(copy)
    writer.start()
    schemas: dict[int, int] = {0: 0}
    channels: dict[int, int] = {}
    whole = 0
    try:
        for record in streams.StreamReader(file, record_size_limit=_MAX_RECORD_BYTES).records:
            if isinstance(record, kinds.Schema) and record.id not in schemas:
                schemas[record.id] = writer.register_schema(
                    record.name, record.encoding, record.data
                )
            elif isinstance(record, kinds.Channel) and record.id not in channels:
                channels[record.id] = writer.register_channel(
                    record.topic,
                    record.message_encoding,
                    schemas[record.schema_id],
                    record.metadata,
                )
            elif isinstance(record, kinds.Message):
                whole += 1
                writer.add_message(
                    channels[record.channel_id],
                    record.log_time,
                    record.data,
                    record.publish_time,
                    record.sequence,
                )
    except _damage() as error:
        # Where the file was cut: what came before is kept.
        if not whole:
            raise _damaged(path, error) from None
    writer.finish()
    copy.seek(0)


def _damage() -> tuple[type[Exception], ...]:
    """What mcap raises over bytes that are not as the format has them."""
    import struct
    import zlib

    exceptions = require("mcap.exceptions")
    compression = require("zstandard")
    return (
        exceptions.McapError,
        compression.ZstdError,
        struct.error,
        zlib.error,
        KeyError,
        ValueError,
        EOFError,
        OSError,
        RuntimeError,
    )


def _damaged(path: Path, error: Exception) -> FeedError:
    return FeedError(
        f"{path}: expected an MCAP file, got {type(error).__name__}; it is damaged or "
        "of another format"
    )
