"""Decode what a fetch brought, cut it into chunks and put them into a fair order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from streams.engine.settings import ChunkLimits
from streams.records import Chunk, Headers, Record, TopicPartition


class WireRecord(Protocol):
    """The attributes of a client library's consumed record that are read here."""

    @property
    def offset(self) -> int: ...

    @property
    def timestamp(self) -> int | None: ...

    @property
    def key(self) -> bytes | None: ...

    @property
    def value(self) -> bytes | None: ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that were sent together, decoded as they are iterated, which is possible once.

    A fetch may begin in the middle of a batch: records before ``from_offset`` were not asked for.
    """

    records: Iterable[WireRecord]
    from_offset: int = 0


@dataclass(frozen=True, slots=True)
class Fetched:
    """Consecutive batches of one partition, and the generation they were read in."""

    generation: int
    batches: Sequence[Batch]


class _Tp(Protocol):
    """A client library's own pair of topic and partition."""

    @property
    def topic(self) -> str: ...

    @property
    def partition(self) -> int: ...


TpT = TypeVar("TpT", bound=_Tp)


def chunks(tp: _Tp, fetched: Fetched, limits: ChunkLimits) -> Iterator[Chunk]:
    """The domain's chunks of one fetched partition, decoded as they are asked for.

    Each has at most ``max_records`` and, key and value, ``max_bytes``; all but the last are as
    large as that allows.
    """
    own = TopicPartition(tp.topic, tp.partition)
    held: list[Record] = []
    held_bytes = 0
    for batch in fetched.batches:
        records = _decode(own, batch)
        held += records
        held_bytes += _bytes_of(records)
        if len(held) > limits.max_records or held_bytes > limits.max_bytes:
            *full, held = split(held, limits)
            held_bytes = _bytes_of(held)
            for run in full:
                yield Chunk(own, fetched.generation, run)
    if held:
        yield Chunk(own, fetched.generation, held)


def split(records: list[Record], limits: ChunkLimits) -> Iterator[list[Record]]:
    """Cut records into runs of at most ``max_records`` and, key and value, ``max_bytes``."""
    first = size = 0
    for index, record in enumerate(records):
        weight = _weight(record)
        if index > first and (
            index - first == limits.max_records or size + weight > limits.max_bytes
        ):
            yield records[first:index]
            first, size = index, 0
        size += weight
    if first < len(records):
        yield records[first:]


def take_turns(fetched: Mapping[TpT, Fetched], limits: ChunkLimits) -> Iterator[tuple[TpT, Chunk]]:
    """Chunks in a fair order: every topic in turn, and in each topic every partition in turn.

    Were the turns taken by partition alone, an input with many records waiting would run ahead of
    one that brought few partitions in this fetch.
    """
    by_topic: dict[str, list[tuple[TpT, Iterator[Chunk]]]] = {}
    for tp, run in fetched.items():
        by_topic.setdefault(tp.topic, []).append((tp, chunks(tp, run, limits)))
    turns = list(by_topic.values())
    while turns:
        for lanes in list(turns):
            while lanes:
                tp, lane = lanes.pop(0)
                chunk = next(lane, None)
                if chunk is not None:
                    lanes.append((tp, lane))
                    yield tp, chunk
                    break
            else:
                turns.remove(lanes)


def _decode(tp: TopicPartition, batch: Batch) -> list[Record]:
    """A batch's records, free of any client library's types."""
    topic, partition = tp
    records = [
        Record(
            topic,
            partition,
            wire.offset,
            -1 if (timestamp_ms := wire.timestamp) is None else timestamp_ms,
            wire.key,
            wire.value,
            _headers(headers) if (headers := wire.headers) else (),
        )
        for wire in batch.records
    ]
    if records and records[0].offset < batch.from_offset:
        return [record for record in records if record.offset >= batch.from_offset]
    return records


def _headers(headers: Sequence[tuple[str, bytes | None]]) -> Headers:
    """The same headers, with an empty value for Kafka's null one."""
    return tuple([(name, b"" if value is None else value) for name, value in headers])


def _weight(record: Record) -> int:
    """Bytes of key and value."""
    return len(record.value or b"") + len(record.key or b"")


def _bytes_of(records: Sequence[Record]) -> int:
    """``_weight`` of all of them, without a call for each."""
    return sum([len(r.value or b"") for r in records]) + sum([len(r.key or b"") for r in records])
