"""What is remembered of sessions that are over."""

from __future__ import annotations

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

    def get(self, name: str) -> Tomb | None:
        """What is remembered of a session."""
        return self._tombs.get(name)

    def take(self, name: str) -> Tomb | None:
        """The same, for a session that comes back."""
        return self._tombs.pop(name, None)

    def put(self, name: str, tomb: Tomb) -> str | None:
        """Remember a session; returns the one that is forgotten for it, if any is."""
        self._tombs[name] = tomb
        if len(self._tombs) <= MAX_TOMBSTONES:
            return None
        oldest = min(self._tombs, key=lambda each: (self._tombs[each].at_ms, each))
        del self._tombs[oldest]
        return oldest

    def __iter__(self) -> Iterator[str]:
        return iter(self._tombs)
