"""What is remembered of sessions that are over."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import msgspec

from streams.align.rules import MAX_TOMBSTONES


class Tomb(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """When a session ended, its newest closed window, and its event state."""

    at_ms: int
    closed: int
    event_state: bytes


class Tombs:
    """Expired sessions of a shard, the oldest of which are forgotten."""

    def __init__(self) -> None:
        self._tombs: dict[str, Tomb] = {}
        #: (end, session), a heap; an entry counts if the session's tomb has that end.
        self._ends: list[tuple[int, str]] = []

    def get(self, name: str) -> Tomb | None:
        """What is remembered of a session."""
        return self._tombs.get(name)

    def take(self, name: str) -> Tomb | None:
        """The same, for a session that comes back."""
        return self._tombs.pop(name, None)

    def put(self, name: str, tomb: Tomb) -> str | None:
        """Remember a session; returns the one that is forgotten for it, if any is."""
        self._tombs[name] = tomb
        if len(self._ends) >= 2 * MAX_TOMBSTONES:
            self._ends = [(each.at_ms, name) for name, each in self._tombs.items()]
            heapq.heapify(self._ends)
        else:
            heapq.heappush(self._ends, (tomb.at_ms, name))
        if len(self._tombs) <= MAX_TOMBSTONES:
            return None
        while True:
            at_ms, oldest = heapq.heappop(self._ends)
            found = self._tombs.get(oldest)
            if found is not None and found.at_ms == at_ms:
                del self._tombs[oldest]
                return oldest

    def __iter__(self) -> Iterator[str]:
        return iter(self._tombs)

    @property
    def entries(self) -> int:
        """How many ends are noted, those that no longer count among them."""
        return len(self._ends)
