"""Cut what a fetch brought into chunks and put them into a fair order. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

from streams.engine.settings import ChunkLimits
from streams.records import Chunk, Record, TopicPartition


class WireRecord(Protocol):
    """The attributes of a client library's consumed record that are read here."""

    offset: int
    timestamp: int | None
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Fetched:
    """Consecutive records of one partition, and the generation they were read in."""

    generation: int
    records: Sequence[Any]


class _Tp(Protocol):
    """A client library's own pair of topic and partition."""

    @property
    def topic(self) -> str: ...

    @property
    def partition(self) -> int: ...


TpT = TypeVar("TpT", bound=_Tp)


def split(records: Sequence[WireRecord], limits: ChunkLimits) -> Iterator[Sequence[WireRecord]]:
    """Cut records into runs of at most ``max_records`` and, key and value, ``max_bytes``."""
    first = size = 0
    for index, record in enumerate(records):
        weight = len(record.value or b"") + len(record.key or b"")
        if index > first and (
            index - first == limits.max_records or size + weight > limits.max_bytes
        ):
            yield records[first:index]
            first, size = index, 0
        size += weight
    if first < len(records):
        yield records[first:]


def take_turns(
    fetched: Mapping[TpT, Fetched], limits: ChunkLimits
) -> Iterator[tuple[TpT, Fetched]]:
    """Chunks in a fair order: every topic in turn, and in each topic every partition in turn.

    Were the turns taken by partition alone, an input with many records waiting would run ahead of
    one that brought few partitions in this fetch.
    """
    by_topic: dict[str, list[tuple[TpT, int, Iterator[Sequence[WireRecord]]]]] = {}
    for tp, batch in fetched.items():
        runs = split(batch.records, limits)
        by_topic.setdefault(tp.topic, []).append((tp, batch.generation, runs))
    turns = list(by_topic.values())
    while turns:
        for lanes in list(turns):
            while lanes:
                tp, generation, runs = lanes.pop(0)
                run = next(runs, None)
                if run is not None:
                    lanes.append((tp, generation, runs))
                    yield tp, Fetched(generation, run)
                    break
            else:
                turns.remove(lanes)


def to_chunk(tp: _Tp, fetched: Fetched) -> Chunk:
    """The domain's chunk, free of any client library's types."""
    topic, partition = tp.topic, tp.partition
    records = [
        Record(
            topic,
            partition,
            record.offset,
            record.timestamp if record.timestamp is not None else -1,
            record.key,
            record.value,
            _headers(record.headers),
        )
        for record in fetched.records
    ]
    return Chunk(TopicPartition(topic, partition), fetched.generation, records)


def _headers(headers: Sequence[tuple[str, bytes | None]]) -> Sequence[tuple[str, bytes]]:
    """The same headers, with an empty value for Kafka's null one."""
    for _, value in headers:
        if value is None:
            return tuple((name, value or b"") for name, value in headers)
    return cast("Sequence[tuple[str, bytes]]", headers)
