"""One shard's sessions and windows: the core that all alignment is done by.

Pure: it has no clock, no Kafka and no Redis. What changes it are the calls below, with their
arguments and nothing else, so that the same calls give the same state anywhere (``journal``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from schemas.sample import SessionEnd
from streams.align import closing, rules
from streams.align.leases import Leases, note_look
from streams.align.quick import QuickTaker, takes_quickly
from streams.align.restore import restored_session
from streams.align.rules import NEVER
from streams.align.session import Counts, Session
from streams.align.spec import AlignSpec
from streams.align.taking import take
from streams.align.tombs import Tomb, Tombs
from streams.align.totals import Totals
from streams.align.types import (
    Applied,
    Batch,
    Entry,
    LateSample,
    Restored,
    Window,
    WindowKey,
)

#: The name under which what belongs to no session is kept: no session has an empty one.
SHARD = ""


class ShardCore:
    """Aligns the records of one shard. See ``WindowStore`` for what each call does.

    ``touched`` has every session that a call may have changed, and ``SHARD`` where something of
    none was; whoever keeps the state elsewhere takes it from there (``take_touched``).
    """

    def __init__(self, spec: AlignSpec, shard: int, past: Restored | None = None) -> None:
        past = past or Restored()
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
        self._quick = [
            QuickTaker(spec, n) if takes_quickly(spec, n) else None for n in range(len(spec.inputs))
        ]
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

    # -- records ------------------------------------------------------------------------------

    def apply(self, batch: Batch, now_ms: int) -> Applied:
        """Take records of one input in, in order of their offsets."""
        input, position = batch.input, self.spec.position[batch.input]
        through_ms = self._through(batch.read_through_ms)
        taking = _Taking(self, input, now_ms, through_ms)
        records: Sequence[Entry | SessionEnd] = batch.entries
        if batch.ends:
            records = sorted([*batch.entries, *batch.ends], key=_order)
        at = taking.pass_over_known(records)
        quick = None if batch.ends or self.done.get(input) else self._quick[position]
        while at < len(records):
            if quick is not None:
                at = quick.take(
                    self.sessions, batch.entries, at, now_ms, taking.touched, taking.grown
                )
                if at == len(records):
                    break
            taking.one(records[at])
            at += 1
        taking.finish()
        if done := self.done.get(input):
            self.done[input] = {offset for offset in done if offset >= batch.next_offset}
            self._touched.add(SHARD)
        self.applied[input] = max(self.applied.get(input, 0), batch.next_offset)
        for name, note in batch.notes.items():
            if name in self.sessions:
                self.notes[name] = note
                self._touched.add(name)
        return self._answer(
            late=tuple(taking.late[offset] for offset in sorted(taking.late)),
            repeats=taking.repeats,
            dropped=taking.dropped,
        )

    def _through(self, by_name: Mapping[str, int]) -> dict[int, int]:
        position = self.spec.position
        return {position[name]: at for name, at in by_name.items() if name in position}

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

    def _answer(
        self,
        *,
        late: tuple[LateSample, ...] = (),
        repeats: int = 0,
        dropped: int = 0,
        changed: tuple[str, ...] = (),
        forgotten: tuple[str, ...] = (),
    ) -> Applied:
        totals = self._totals
        return Applied(
            late=late,
            repeats=repeats,
            due=totals.due + self._leases.waiting(self.sessions),
            open_windows=totals.open,
            dropped=dropped,
            size=totals.size,
            full=totals.full > 0,
            changed=changed,
            forgotten=forgotten,
        )

    # -- the passing of time ------------------------------------------------------------------

    def tick(self, read_through_ms: Mapping[str, int], now_ms: int) -> Applied:
        """Find sensors idle and sessions over."""
        self._expire(now_ms)
        # Of a backlog no input is read through anything: there is nothing to be seen then.
        by_ms = min(now_ms, max(read_through_ms.values(), default=NEVER))
        due = sorted([name for name, at_ms in self._deadlines.items() if at_ms <= by_ms])
        return self.look(due, read_through_ms, now_ms)

    def look(
        self, names: Iterable[str], read_through_ms: Mapping[str, int], now_ms: int
    ) -> Applied:
        """The same for these sessions alone, whether their time has come or not."""
        through_ms = self._through(read_through_ms)
        changed = [n for n in names if self._look_at(self.sessions[n], through_ms, now_ms)]
        forgotten = tuple(name for name in changed if name not in self.sessions)
        return self._answer(changed=tuple(changed), forgotten=forgotten)

    def _look_at(self, session: Session, through_ms: Mapping[int, int], now_ms: int) -> bool:
        before = _looks(session)
        session.last_ms = now_ms if session.last_ms == NEVER else session.last_ms
        for sensor in session.sensors:
            if sensor.wall_ms == NEVER:
                sensor.wall_ms = now_ms
            input_ms = through_ms.get(sensor.input, NEVER)
            if rules.falls_idle(self.spec, sensor, input_ms, now_ms, session.ended_ms):
                sensor.idle = True
        closing.advance(self.spec, session, through_ms, now_ms)
        self._deadlines[session.name] = rules.next_deadline_ms(
            self.spec, session.sensors, session.last_ms, session.ended_ms
        )
        self._settle(session, now_ms)
        over_ms = rules.over_at_ms(self.spec, session.last_ms, session.ended_ms)
        everything = min(through_ms.get(n, NEVER) for n in range(len(self.spec.inputs)))
        done = (
            session.acked == session.closed
            and session.window_after(self.spec, session.closed) is None
        )
        if session.all_idle() and done and over_ms <= now_ms and over_ms <= everything:
            if session.event_state:
                session.over = True
            else:
                self._bury(session, now_ms)
                return True
        if _looks(session) == before:
            return False
        self._note(session)
        return True

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

    # -- handing out --------------------------------------------------------------------------

    def lease(self, limit: int, now_ms: int, lease_ms: int) -> list[Window]:
        """Hand out up to ``limit`` windows."""
        self._expire(now_ms)
        windows = self._leases.hand_out(self.sessions, limit, now_ms + lease_ms)
        for name in {window.session for window in windows}:
            self._recount(self.sessions[name])
        self._touched.update(window.session for window in windows if not window.final)
        return windows

    def note_looks(self, looks: Mapping[str, Sequence[int]]) -> None:
        """Early results were handed out."""
        for name, windows in looks.items():
            for window in windows:
                note_look(self.sessions[name], window)
            self._note(self.sessions[name])

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

    def ack(
        self,
        windows: Sequence[WindowKey],
        late: Sequence[tuple[str, int]],
        event_states: Mapping[str, bytes],
    ) -> None:
        """Remove published windows and late samples.

        A window that is already gone, or not due, is passed over, and with it its event state:
        a second acknowledgement must not bring back an old one.
        """
        newest: dict[tuple[str, bool], int] = {}
        for key in windows:
            named = (key.session, key.over)
            newest[named] = max(newest.get(named, NEVER), key.start_us)
        for (name, over), window in newest.items():
            session = self.sessions.get(name)
            if session is None:
                continue
            state = event_states.get(name, session.event_state)
            if over:
                # It may have come back since: then it goes on, with its events closed.
                session.event_state = state
                self._leases.finished(session)
                if session.over:
                    self._bury(session, session.last_ms)
                    continue
            elif session.acked < window <= session.closed:
                session.event_state = state
                closing.acknowledge(self.spec, session, window)
                if session.leased != NEVER and session.leased <= session.acked:
                    self._leases.finished(session)
            self._note(session)
        for input, offset in late:
            if self.late.get(input, {}).pop(offset, None) is not None:
                self._touched.add(SHARD)

    def committable(self) -> dict[str, int]:
        """Input -> offset before which everything is finished."""
        found = {}
        for input, position in self.spec.position.items():
            if (offset := self.applied.get(input)) is not None:
                needed = self._totals.lowest(position, self.sessions)
                held = () if needed is None else (needed,)
                found[input] = min(offset, *held, *self.late.get(input, {}), offset)
        return found


class _Taking:
    """One call of ``ShardCore.apply`` under way."""

    def __init__(
        self, core: ShardCore, input: str, now_ms: int, through_ms: Mapping[int, int]
    ) -> None:
        self._core = core
        self._spec = core.spec
        self._input = input
        self._position = core.spec.position[input]
        self._now_ms = now_ms
        self._through_ms = through_ms
        self._pending = core.late.setdefault(input, {})
        self._done = core.done.get(input, ())
        #: Sessions of which records were taken many at once, those of them that are to be looked
        #: at closely, and all that came up here.
        self.touched: dict[str, Session] = {}
        self.grown: set[str] = set()
        self._seen: dict[str, Session] = {}
        self.late: dict[int, LateSample] = {}
        self.repeats = self.dropped = 0

    def pass_over_known(self, records: Sequence[Entry | SessionEnd]) -> int:
        """Position of the first record that was not applied before."""
        applied = self._core.applied.get(self._input, 0)
        for at, record in enumerate(records):
            if record.offset >= applied:
                return at
            if isinstance(record, Entry):
                self.repeats += 1
                if (late := self._pending.get(record.offset)) is not None:
                    self.late[record.offset] = late
        return len(records)

    def one(self, record: Entry | SessionEnd) -> None:
        """Take one record, rule by rule."""
        name, now_ms = record.session, self._now_ms
        session = self._core.sessions.get(name)
        if name in self.touched:
            self._advance(self.touched.pop(name))
        if isinstance(record, SessionEnd):
            if session is None:
                return
            session.end(self._position, now_ms)
            self._core.look_by(name, now_ms)
        else:
            if session is None:
                session = self._core.begin(name, now_ms)
            self._take(session, record)
        self._seen[name] = session
        closing.advance(self._spec, session, self._through_ms, now_ms)

    def _take(self, session: Session, entry: Entry) -> None:
        offset = entry.offset
        taken = take(
            self._spec, session, self._position, entry, self._now_ms, done=offset in self._done
        )
        if taken.late is not None and offset not in self.late:
            reason, by_us = taken.late
            self.late[offset] = self._pending[offset] = LateSample(
                self._input, offset, entry.session, entry.sensor, entry.start_us, by_us, reason
            )
            self._core.touch_shard()
        self.dropped += taken.unplaced

    def _advance(self, session: Session) -> None:
        session.last_ms = self._now_ms
        self._seen[session.name] = session
        closing.advance(self._spec, session, self._through_ms, self._now_ms)

    def finish(self) -> None:
        """After the last record."""
        closely = self._spec.revises
        for name, session in self.touched.items():
            closed, seen = session.closed, name in self._seen
            self._advance(session)
            if (
                session.closed == closed
                and session.watermark_us < session.forgets_us
                and session.waiting is None
                and session.size <= self._spec.max_session_bytes
                and not (closely or seen or name in self.grown)
            ):
                del self._seen[name]
                self._core.note_size(session)
        idle_after_ms = self._spec.inputs[self._position].idle_after_ms
        for session in self._seen.values():
            if session.woke:
                self._core.look_by(session.name, self._now_ms + idle_after_ms)
                session.woke = False
            self._core.finish(session, self._now_ms)


def _looks(session: Session) -> tuple[object, ...]:
    """What a look at a session may change, apart from how much is kept and due."""
    return (
        session.last_ms,
        session.watermark_us,
        session.waiting,
        session.closed,
        len(session.order),
        session.over,
        [(sensor.idle, sensor.wall_ms) for sensor in session.sensors],
        [(one.cause, one.seen_by_watermark) for one in session.revisions.values()],
    )


def _order(record: Entry | SessionEnd) -> tuple[int, int]:
    return record.offset, record.start_us if isinstance(record, Entry) else 0
