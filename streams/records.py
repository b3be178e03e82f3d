"""Plain Kafka records, as the domain sees them: no type of a client library crosses this line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

#: Kafka record headers in order; a name may repeat.
Headers = Sequence[tuple[str, bytes]]


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


# Structs for what exists once per record: a frozen dataclass takes four times as long to make, and
# these hold no cycles, so the garbage collector need not look at them.
class Record(msgspec.Struct, frozen=True, gc=False):
    """One consumed record; ``timestamp_ms`` is the broker's or producer's, epoch milliseconds.

    It is -1 where the record has none (message formats before Kafka 0.10).
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive records of one partition, never empty, in ascending order of offset.

    ``generation`` grows with every assignment and every rewind of the partition; a chunk of an
    earlier generation than the partition's present one is stale and must not take effect.
    """

    tp: TopicPartition
    generation: int
    records: Sequence[Record]

    @property
    def next_offset(self) -> int:
        """The offset after the last record of the chunk."""
        return self.records[-1].offset + 1


class OutRecord(msgspec.Struct, frozen=True, gc=False):
    """One record to publish; without a partition the key decides (Kafka's murmur2)."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None
    timestamp_ms: int | None = None
