"""What was recorded, told by partition: counts, and whether two recordings hold the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from streams.records import Record


@dataclass(slots=True)
class TopicTotals:
    """Records of one topic. ``first_ms``, ``last_ms``: least and greatest Kafka timestamp."""

    records: int = 0
    bytes: int = 0
    first_ms: int | None = None
    last_ms: int | None = None


@dataclass(slots=True)
class Totals:
    """Totals by topic and a digest by partition, fed record by record."""

    topics: dict[str, TopicTotals] = field(default_factory=dict)
    _partitions: dict[tuple[str, int], Any] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Count one record; those of a partition come in the order of their offsets."""
        total = self.topics.setdefault(record.topic, TopicTotals())
        total.records += 1
        total.bytes += len(record.value or b"")
        at_ms = record.timestamp_ms
        total.first_ms = at_ms if total.first_ms is None else min(total.first_ms, at_ms)
        total.last_ms = at_ms if total.last_ms is None else max(total.last_ms, at_ms)
        hashed = self._partitions.setdefault((record.topic, record.partition), hashlib.sha256())
        for part in _parts(record):
            # Lengths first: or bytes could move from one field to the next unseen.
            hashed.update(b"-" if part is None else f"{len(part)}:".encode())
            hashed.update(part or b"")

    @property
    def records(self) -> int:
        """Records of all topics."""
        return sum(total.records for total in self.topics.values())

    @property
    def bytes(self) -> int:
        """Bytes of the values of all topics."""
        return sum(total.bytes for total in self.topics.values())

    @property
    def sha256(self) -> str:
        """Of everything that was recorded; equal however the partitions came in between."""
        whole = hashlib.sha256()
        for (topic, partition), hashed in sorted(self._partitions.items()):
            whole.update(f"{topic} {partition} {hashed.hexdigest()}\n".encode())
        return whole.hexdigest()


def _parts(record: Record) -> list[bytes | None]:
    parts: list[bytes | None] = [
        f"{record.offset} {record.timestamp_ms}".encode(),
        record.key,
        record.value,
    ]
    for name, value in record.headers:
        parts += [name.encode(), value]
    return parts
