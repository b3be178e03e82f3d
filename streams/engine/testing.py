"""Test doubles of the port: a processor that records what the engine does to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping

from streams.engine.port import Engine
from streams.records import Chunk, Record, TopicPartition


async def commit_at_once(engine: Engine, chunk: Chunk) -> None:
    """Declare every chunk finished as soon as it has come."""
    engine.commit_through({chunk.tp: chunk.next_offset})


class RecordingProcessor:
    """Keeps every call. ``on_chunk`` hands each chunk to ``handle`` (by default it is committed).

    ``until(condition)`` waits for a condition on what was recorded, without polling.
    """

    def __init__(self, handle: Callable[[Engine, Chunk], Awaitable[None]] = commit_at_once) -> None:
        self._handle = handle
        self._changed = asyncio.Condition()
        self.engine: Engine | None = None
        self.chunks: list[Chunk] = []
        #: ("assigned", committed, generation) and ("revoked", partitions), in order.
        self.assigned: list[tuple[dict[TopicPartition, int], int]] = []
        self.revoked: list[set[TopicPartition]] = []
        #: Names of lifecycle calls in order: start, assigned, revoked, chunk, drain.
        self.calls: list[str] = []
        self.ticks: list[int] = []

    async def start(self, engine: Engine) -> None:
        """Keep the engine."""
        self.engine = engine
        await self._note("start")

    async def on_assigned(self, committed: Mapping[TopicPartition, int], generation: int) -> None:
        """Keep the assignment."""
        self.assigned.append((dict(committed), generation))
        await self._note("assigned")

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        """Keep the revocation."""
        self.revoked.append(set(partitions))
        await self._note("revoked")

    async def on_chunk(self, chunk: Chunk) -> None:
        """Keep the chunk, then handle it."""
        assert self.engine is not None
        self.chunks.append(chunk)
        await self._note("chunk")
        await self._handle(self.engine, chunk)

    async def on_tick(self, now_ms: int) -> None:
        """Keep the time."""
        self.ticks.append(now_ms)
        async with self._changed:
            self._changed.notify_all()

    async def drain(self) -> None:
        """Keep that it was called."""
        await self._note("drain")

    async def until(
        self, condition: Callable[[RecordingProcessor], bool], timeout_s: float
    ) -> None:
        """Wait until the condition holds; raises ``TimeoutError`` after ``timeout_s``."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: condition(self))

    @property
    def records(self) -> list[Record]:
        """Every record of every chunk, in the order of delivery."""
        return [record for chunk in self.chunks for record in chunk.records]

    @property
    def owned(self) -> set[TopicPartition]:
        """Partitions that are assigned now, by the calls recorded."""
        owned: set[TopicPartition] = set()
        lost = iter(self.revoked)
        gained = iter(self.assigned)
        for call in self.calls:
            if call == "assigned":
                owned |= set(next(gained)[0])
            elif call == "revoked":
                owned -= next(lost)
        return owned

    def offsets(self, tp: TopicPartition) -> list[int]:
        """Offsets delivered of one partition, in order."""
        return [
            record.offset
            for record in self.records
            if TopicPartition(record.topic, record.partition) == tp
        ]

    async def _note(self, call: str) -> None:
        self.calls.append(call)
        async with self._changed:
            self._changed.notify_all()
