"""What one shard keeps, and the books that are kept of it."""

from __future__ import annotations

from streams.align import closing, rules
from streams.align.leases import Leases
from streams.align.restore import restored_session
from streams.align.rules import NEVER
from streams.align.session import Counts, Session
from streams.align.spec import AlignSpec
from streams.align.tombs import Tomb, Tombs
from streams.align.totals import Totals
from streams.align.types import LateSample, Restored

#: The name under which what belongs to no session is kept: no session has an empty one.
SHARD = ""


class ShardState:
    """The sessions of a shard, and all that has to be looked at again when one has changed.

    ``take_touched`` tells every session that may have changed, and ``SHARD`` where something that
    belongs to none has: whoever keeps the state elsewhere, too, asks for it.
    """

    def __init__(self, spec: AlignSpec, shard: int, past: Restored) -> None:
        self.spec = spec
        self.sessions: dict[str, Session] = {}
        self.tombs = Tombs()
        #: Input -> next offset to be read.
        self.applied: dict[str, int] = dict(past.committed)
        #: Input -> offset -> distance and reason of a late sample, until it is published.
        self.late: dict[str, dict[int, LateSample]] = {}
        #: Input -> offsets that a published result has (after a restore).
        self.done: dict[str, set[int]] = {i: set(offsets) for i, offsets in past.done.items()}
        #: Session -> bytes kept with it.
        self.notes: dict[str, bytes] = {}
        self._touched: set[str] = set()
        #: Session -> wall time through which an input has to be read before it is looked at again.
        self._deadlines: dict[str, int] = {}
        self._leases = Leases(spec, shard)
        self._totals = Totals(spec)
        for each in past.sessions:
            self.adopt(restored_session(spec, each))

    def adopt(self, session: Session) -> None:
        """Go on with a session of former times; nothing of it is out on lease."""
        session.leased = NEVER
        session.counted, session.counted_size = Counts(), 0
        self.sessions[session.name] = session
        self._deadlines[session.name] = NEVER
        self._note(session)

    def take_touched(self) -> set[str]:
        """What may have changed since this was last asked."""
        touched, self._touched = self._touched, set()
        return touched

    @property
    def size(self) -> int:
        """Bytes that count against the caps, of all sessions."""
        return self._totals.size

    def is_in_transit(self) -> bool:
        """Whether anything is kept that belongs to no session."""
        return any(self.late.values()) or any(self.done.values())

    def touch_shard(self) -> None:
        """Something that belongs to no session has changed."""
        self._touched.add(SHARD)

    def note_size(self, session: Session) -> None:
        """Nothing that others look at has changed of a session but its bytes."""
        self._touched.add(session.name)
        self._totals.note_size(session)

    def _note(self, session: Session) -> None:
        """The session has changed."""
        self._touched.add(session.name)
        self._totals.note(session)
        self._leases.note(session)

    def begin(self, name: str, now_ms: int) -> Session:
        """A session of which something came, new or back."""
        session = Session.begin(self.spec, name, now_ms)
        if (tomb := self.tombs.take(name)) is not None:
            session.closed = session.acked = tomb.closed
            session.whole_from = rules.first_whole_tile(self.spec, tomb.closed)
            session.event_state = tomb.event_state
        self.sessions[name] = session
        self._deadlines[name] = rules.next_deadline_ms(self.spec, session.sensors, now_ms, NEVER)
        return session

    def look_by(self, name: str, at_ms: int) -> None:
        """Look at a session again once an input is read through a wall time, or before."""
        if at_ms < self._deadlines[name]:
            self._deadlines[name] = at_ms

    def finish(self, session: Session, now_ms: int) -> None:
        """What is looked at once a call, after a session's last record."""
        self._settle(session, now_ms)
        self._note(session)

    def _settle(self, session: Session, now_ms: int) -> None:
        closing.note_closing(session, now_ms)
        closing.note_early(self.spec, session)
        closing.forget(self.spec, session)
        if session.waiting is not None:
            self.look_by(session.name, session.waiting[1])

    def _bury(self, session: Session, at_ms: int) -> None:
        """Forget a session but for what has to be known should it come back."""
        name = session.name
        self._touched.add(name)
        del self.sessions[name], self._deadlines[name]
        self.notes.pop(name, None)
        self._totals.drop(session)
        self._leases.drop(name)
        if session.closed == NEVER and not session.event_state:
            return
        forgotten = self.tombs.put(name, Tomb(at_ms, session.closed, session.event_state))
        if forgotten is not None:
            self._touched.add(forgotten)

    def taken_over(self) -> None:
        """Another worker goes on: no window is out on lease, and all has to be looked at."""
        self._expire(float("inf"))
        self._deadlines = dict.fromkeys(self.sessions, NEVER)

    def _expire(self, now_ms: float) -> None:
        for name in self._leases.expire(now_ms):
            self.sessions[name].leased = NEVER
            self._recount(self.sessions[name])

    def _recount(self, session: Session) -> None:
        """What is out of the session has changed, which is nobody else's business."""
        self._totals.note(session)
        self._leases.note(session)

    def committable(self) -> dict[str, int]:
        """Input -> offset before which everything is finished."""
        found = {}
        for input, position in self.spec.position.items():
            if (offset := self.applied.get(input)) is not None:
                needed = self._totals.lowest(position, self.sessions)
                held = () if needed is None else (needed,)
                found[input] = min(offset, *held, *self.late.get(input, {}), offset)
        return found
