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
        #: Session -> input -> its entry in the heap that counts.
        self._noted: dict[str, dict[int, int]] = {}

    def note(self, session: Session) -> None:
        """Take over what the session comes to now."""
        former, counts = session.counted, session.counts(self._spec)
        if counts != former:
            session.counted = counts
            self._add(former, -1)
            self._add(counts, 1)
        self.note_size(session)
        self._note_lowest(session)

    def note_size(self, session: Session) -> None:
        """The same, where nothing but the session's bytes has changed."""
        self.size += session.size - session.counted_size
        session.counted_size = session.size

    def _note_lowest(self, session: Session) -> None:
        name, lowest = session.name, session.lowest
        noted = self._noted.get(name)
        if noted == lowest:
            return
        for input, offset in lowest.items():
            if noted is None or noted.get(input) != offset:
                heapq.heappush(self._lowest[input], (offset, name))
        self._noted[name] = dict(lowest)

    def drop(self, session: Session) -> None:
        """The session is no more."""
        self._add(session.counted, -1)
        self.size -= session.counted_size
        session.counted, session.counted_size = Counts(), 0
        self._noted.pop(session.name, None)

    def lowest(self, input: int, sessions: Mapping[str, Session]) -> int | None:
        """Lowest offset of an input that a session needs."""
        heap, noted = self._lowest[input], self._noted
        if len(heap) > _STALE_SHARE * len(noted) + 64:
            heap[:] = [(each[input], name) for name, each in noted.items() if input in each]
            heapq.heapify(heap)
        while heap:
            offset, name = heap[0]
            if name not in noted or noted[name].get(input) != offset:
                heapq.heappop(heap)
            elif sessions[name].lowest_is_old:
                sessions[name].find_lowest()
                self._note_lowest(sessions[name])
            else:
                return offset
        return None

    def _add(self, counts: Counts, sign: int) -> None:
        self.due += sign * counts.due
        self.open += sign * counts.open
        self.full += sign * counts.full
