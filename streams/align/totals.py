"""What all sessions of a shard come to together, kept up as single sessions change."""

from __future__ import annotations

import heapq
from collections.abc import Mapping

from streams.align.session import Counts, Session
from streams.align.spec import AlignSpec

#: A heap may hold so many entries of the past for each that counts, before it is made anew.
_STALE_SHARE = 3


class Totals:
    """Sums over a shard's sessions, and the lowest offset that any of them needs.

    ``note`` has to be called for a session whenever it has changed, ``drop`` when it goes.
    """

    def __init__(self, spec: AlignSpec) -> None:
        self._spec = spec
        self.due = self.open = self.size = self.full = 0
        #: Input -> (lowest offset, session); an entry counts if it is what the session says now.
        self._lowest: dict[int, list[tuple[int, str]]] = {n: [] for n in range(len(spec.inputs))}
        #: (input, session) -> its entry in the heap that counts.
        self._noted: dict[tuple[int, str], int] = {}

    def note(self, session: Session) -> None:
        """Take over what the session comes to now."""
        former, counts = session.counted, session.counts(self._spec)
        session.counted = counts
        self._add(former, -1)
        self._add(counts, 1)
        for input, heap in self._lowest.items():
            offset = session.lowest.get(input)
            key = (input, session.name)
            if offset is None:
                self._noted.pop(key, None)
            elif self._noted.get(key) != offset:
                self._noted[key] = offset
                heapq.heappush(heap, (offset, session.name))

    def drop(self, session: Session) -> None:
        """The session is no more."""
        self._add(session.counted, -1)
        session.counted = Counts()
        for input in self._lowest:
            self._noted.pop((input, session.name), None)

    def lowest(self, input: int, sessions: Mapping[str, Session]) -> int | None:
        """Lowest offset of an input that a session needs."""
        heap = self._lowest[input]
        while heap and self._noted.get((input, heap[0][1])) != heap[0][0]:
            heapq.heappop(heap)
        if len(heap) > _STALE_SHARE * len(sessions) + 64:
            heap[:] = [(o, name) for (i, name), o in self._noted.items() if i == input]
            heapq.heapify(heap)
        return heap[0][0] if heap else None

    def _add(self, counts: Counts, sign: int) -> None:
        self.due += sign * counts.due
        self.open += sign * counts.open
        self.size += sign * counts.size
        self.full += sign * counts.full
