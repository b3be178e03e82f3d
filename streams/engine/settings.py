"""What an engine is told: topics, group, broker and limits, the same for every engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from schemas.settings import KafkaSettings

#: Largest produce request, in bytes: an output record and its envelope must fit.
MAX_REQUEST_BYTES = 16_000_000
#: Bytes of one partition in one fetch; a broker sends a larger batch alone. More per fetch was not
#: faster: a fetch of 12 partitions is 6 MB already, and is copied three times on its way in.
PARTITION_FETCH_BYTES = 512_000
#: Chunks of one topic that wait for the processor. With ``ChunkLimits.max_bytes`` this bounds what
#: a slow processor holds in memory: here 4 MB a topic, on top of the client's fetch buffers.
BUFFERED_CHUNKS = 2


def wall_clock_ms() -> int:
    """The wall clock, epoch milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkLimits:
    """Upper bounds of one chunk; a single record larger than ``max_bytes`` is a chunk of its own.

    Raises ``ValueError`` where a bound is not positive.
    """

    max_records: int = 1_000
    max_bytes: int = 2_000_000

    def __post_init__(self) -> None:
        if self.max_records < 1 or self.max_bytes < 1:
            raise ValueError(f"expected positive chunk limits, got {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """One engine of one pipeline.

    ``topics``: the input topics, each with ``partitions`` partitions. Workers with the same
    ``group_id`` share them. ``clock`` gives epoch milliseconds and is handed to ``on_tick``.
    """

    topics: tuple[str, ...]
    partitions: int
    group_id: str
    kafka: KafkaSettings
    client_id: str = "sensorium"
    chunk: ChunkLimits = ChunkLimits()
    tick_interval_ms: int = 100
    clock: Callable[[], int] = wall_clock_ms

    def __post_init__(self) -> None:
        if not self.topics or len(set(self.topics)) != len(self.topics):
            raise ValueError(f"expected distinct input topics, at least one, got {self.topics}")
