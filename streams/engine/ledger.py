"""Which partitions are ours, in which generation, and what of them may be committed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from streams.records import Chunk, TopicPartition


@dataclass(slots=True)
class _Held:
    """``committed`` <= ``declared``, both the next offset to be read."""

    generation: int
    committed: int
    declared: int


class Ledger:
    """Ownership and commits of one engine.

    Generations come from one counter, so that a number never names two assignments. A commit is
    what the domain declared and nothing else: not what was delivered, not what was acknowledged
    to a client library.
    """

    def __init__(self) -> None:
        self._generation = 0
        #: One entry for each partition that is ours; nothing is kept of the others.
        self._held: dict[TopicPartition, _Held] = {}

    def next_generation(self) -> int:
        """A generation that was never used before."""
        self._generation += 1
        return self._generation

    def hold(self, committed: Mapping[TopicPartition, int], generation: int) -> None:
        """Own these partitions from now on, from their committed offsets."""
        for tp, offset in committed.items():
            self._held[tp] = _Held(generation, offset, offset)

    def renew(self, tps: Iterable[TopicPartition], generation: int) -> None:
        """Give owned partitions a later generation: chunks read before are stale from now on."""
        for tp in tps:
            if tp in self._held:
                self._held[tp].generation = generation

    def release(self, tps: Iterable[TopicPartition]) -> None:
        """Own these partitions no longer; what was declared and not committed is forgotten."""
        for tp in tps:
            self._held.pop(tp, None)

    def generation(self, tp: TopicPartition) -> int | None:
        """Present generation of an owned partition, else ``None``."""
        held = self._held.get(tp)
        return None if held is None else held.generation

    def is_current(self, chunk: Chunk) -> bool:
        """Whether the chunk was read in its partition's present generation."""
        return self.generation(chunk.tp) == chunk.generation

    def owned(self, partition: int | None = None) -> list[TopicPartition]:
        """Owned partitions, sorted; only those with this number where one is given."""
        return sorted(tp for tp in self._held if partition in (None, tp.partition))

    def declare(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        """Note what is finished; partitions of others and steps backwards are ignored."""
        for tp, offset in next_offsets.items():
            held = self._held.get(tp)
            if held is not None and offset > held.declared:
                held.declared = offset

    def due(self) -> dict[TopicPartition, int]:
        """What is declared and not yet committed."""
        return {tp: h.declared for tp, h in self._held.items() if h.declared > h.committed}

    def note_committed(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Note what the broker has confirmed."""
        for tp, offset in offsets.items():
            held = self._held.get(tp)
            if held is not None and offset > held.committed:
                held.committed = offset
                held.declared = max(held.declared, offset)
