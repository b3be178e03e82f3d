"""One shard's windows in memory: the reference that the Redis scripts must agree with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.sample import SessionEnd
from streams.align import closing, rules
from streams.align.assemble import assemble
from streams.align.handing_out import end_of_session, raw_window
from streams.align.restore import restored_session
from streams.align.rules import MAX_TOMBSTONES, NEVER, LateReason
from streams.align.session import Session
from streams.align.spec import AlignSpec
from streams.align.types import (
    Applied,
    Batch,
    Entry,
    LateSample,
    Restored,
    Window,
    WindowKey,
)


class ShardCore:
    """Aligns the records of one shard. See ``WindowStore`` for what each call does."""

    def __init__(self, spec: AlignSpec, shard: int, past: Restored | None = None) -> None:
        past = past or Restored()
        self._spec = spec
        self._shard = shard
        self._sessions: dict[str, Session] = {}
        #: session -> wall time at which it has to be looked at again.
        self._deadlines: dict[str, int] = {}
        #: session -> wall time at which its lease ends.
        self._leases: dict[str, int] = {}
        #: expired session -> (wall time of its end, its newest closed window, its event state).
        self._tombstones: dict[str, tuple[int, int, bytes]] = {}
        self._applied: dict[str, int] = dict(past.committed)
        #: input -> offset -> why a sample is late, until it is published.
        self._late: dict[str, dict[int, tuple[LateReason, int]]] = {}
        #: input -> offsets that a published result has (after a restore).
        self._done: dict[str, set[int]] = {i: set(offsets) for i, offsets in past.done.items()}
        self._notes: dict[str, bytes] = {}
        for session in past.sessions:
            self._sessions[session.session] = restored_session(spec, session)
            self._deadlines[session.session] = 0

    @property
    def digest(self) -> str:
        """Of the spec that the state was made under."""
        return self._spec.digest

    @property
    def applied(self) -> dict[str, int]:
        """Input -> next offset to be read."""
        return dict(self._applied)

    @property
    def notes(self) -> dict[str, bytes]:
        """Session -> bytes kept with it."""
        return dict(self._notes)

    def apply(self, batch: Batch, now_ms: int) -> Applied:
        """Take records of one input in, session by session, each session's in their order."""
        input = batch.input
        position = self._spec.position[input]
        applied = self._applied.get(input, 0)
        pending = self._late.setdefault(input, {})
        through_ms = self._through(batch.read_through_ms)
        late: dict[int, LateSample] = {}
        repeats = dropped = 0
        fresh: dict[str, list[Entry | SessionEnd]] = {}
        records: list[Entry | SessionEnd] = [*batch.entries, *batch.ends]
        for entry in sorted(records, key=_order):
            if entry.offset >= applied:
                fresh.setdefault(entry.session, []).append(entry)
            elif isinstance(entry, Entry):
                repeats += 1
                if entry.offset in pending and entry.offset not in late:
                    late[entry.offset] = _late_sample(input, entry, *pending[entry.offset])
        done = self._done.get(input, set())
        for name, entries in fresh.items():
            session = self._sessions.get(name)
            for entry in entries:
                if isinstance(entry, SessionEnd):
                    if session is not None:
                        session.end(position, now_ms)
                        self._deadlines[name] = min(self._deadlines[name], now_ms)
                        closing.advance(self._spec, session, through_ms, now_ms)
                    continue
                session = session or self._begin(name, now_ms)
                taken = session.take(self._spec, position, entry, now_ms, done=entry.offset in done)
                if taken.late is not None and entry.offset not in late:
                    pending[entry.offset] = taken.late
                    late[entry.offset] = _late_sample(input, entry, *taken.late)
                dropped += taken.unplaced
                closing.advance(self._spec, session, through_ms, now_ms)
            if session is not None:
                if session.woke:
                    due_ms = now_ms + self._spec.inputs[position].idle_after_ms
                    self._deadlines[name] = min(self._deadlines[name], due_ms)
                    session.woke = False
                self._finish(session, now_ms)
        self._done[input] = {offset for offset in done if offset >= batch.next_offset}
        self._applied[input] = max(applied, batch.next_offset)
        for name, note in batch.notes.items():
            if name in self._sessions:
                self._notes[name] = note
        return self._answer(
            late=tuple(late[offset] for offset in sorted(late)), repeats=repeats, dropped=dropped
        )

    def _through(self, by_name: Mapping[str, int]) -> dict[int, int]:
        position = self._spec.position
        return {position[name]: at for name, at in by_name.items() if name in position}

    def _begin(self, name: str, now_ms: int) -> Session:
        session = Session.begin(self._spec, name, now_ms)
        if (buried := self._tombstones.pop(name, None)) is not None:
            _, session.closed, session.event_state = buried
            session.acked = session.closed
        self._sessions[name] = session
        self._deadlines[name] = rules.next_deadline_ms(
            self._spec, session.sensors, now_ms, now_ms, NEVER
        )
        return session

    def _finish(self, session: Session, now_ms: int) -> None:
        """What is looked at once a call, after a session's last record."""
        closing.note_closing(session, now_ms)
        closing.note_early(self._spec, session)
        closing.forget(self._spec, session)
        if session.waiting is not None:
            recheck_ms = now_ms + rules.RECHECK_MS
            self._deadlines[session.name] = min(self._deadlines[session.name], recheck_ms)

    def _answer(
        self,
        *,
        late: tuple[LateSample, ...] = (),
        repeats: int = 0,
        dropped: int = 0,
        forgotten: tuple[str, ...] = (),
    ) -> Applied:
        sessions = self._sessions.values()
        return Applied(
            late=late,
            repeats=repeats,
            due=sum(len(self._due(s)) + len(s.early()) + self._ends(s) for s in sessions),
            open_windows=sum(s.open_tiles(self._spec) for s in sessions),
            dropped=dropped,
            size=sum(s.size for s in sessions),
            full=any(s.size > self._spec.max_session_bytes for s in sessions),
            forgotten=forgotten,
        )

    def _due(self, session: Session) -> list[int]:
        return session.due(self._spec, max(session.acked, session.leased))

    def _ends(self, session: Session) -> bool:
        return session.over and session.name not in self._leases

    def tick(self, read_through_ms: Mapping[str, int], now_ms: int) -> Applied:
        """Find sensors idle and sessions over."""
        self._end_leases(now_ms)
        through_ms = self._through(read_through_ms)
        due = sorted(n for n, at_ms in self._deadlines.items() if at_ms <= now_ms)
        for name in due:
            self._look_at(self._sessions[name], through_ms, now_ms)
        return self._answer(forgotten=tuple(name for name in due if name not in self._sessions))

    def _look_at(self, session: Session, through_ms: Mapping[int, int], now_ms: int) -> None:
        session.last_ms = now_ms if session.last_ms == NEVER else session.last_ms
        for sensor in session.sensors:
            if sensor.wall_ms == NEVER:
                sensor.wall_ms = now_ms
            input_ms = through_ms.get(sensor.input, NEVER)
            if rules.falls_idle(self._spec, sensor, input_ms, now_ms, session.ended_ms):
                sensor.idle = True
        closing.advance(self._spec, session, through_ms, now_ms)
        self._deadlines[session.name] = rules.next_deadline_ms(
            self._spec, session.sensors, session.last_ms, now_ms, session.ended_ms
        )
        self._finish(session, now_ms)
        over_ms = rules.over_at_ms(self._spec, session.last_ms, session.ended_ms)
        everything = min(through_ms.get(n, NEVER) for n in range(len(self._spec.inputs)))
        done = (
            session.acked == session.closed
            and session.window_after(self._spec, session.closed) is None
        )
        if session.all_idle() and done and over_ms <= now_ms and over_ms <= everything:
            if session.event_state:
                session.over = True
            else:
                self._bury(session, now_ms)

    def _bury(self, session: Session, now_ms: int) -> None:
        del self._sessions[session.name], self._deadlines[session.name]
        self._notes.pop(session.name, None)
        if session.closed == NEVER and not session.event_state:
            return
        self._tombstones[session.name] = (now_ms, session.closed, session.event_state)
        if len(self._tombstones) > MAX_TOMBSTONES:
            oldest = min(self._tombstones, key=lambda name: (self._tombstones[name][0], name))
            del self._tombstones[oldest]

    def _end_leases(self, now_ms: float) -> None:
        for name in [n for n, until_ms in self._leases.items() if until_ms <= now_ms]:
            del self._leases[name]
            self._sessions[name].leased = NEVER

    def void_leases(self) -> None:
        """Give every window that is out on lease back: its holder is gone."""
        self._end_leases(float("inf"))

    def lease(self, limit: int, now_ms: int, lease_ms: int) -> list[Window]:
        """Hand out up to ``limit`` windows by (completed, session), each session's in order."""
        self._end_leases(now_ms)
        queues = {
            name: due
            for name, session in self._sessions.items()
            if name not in self._leases and (due := self._due(session))
        }

        def head(name: str) -> tuple[int, str]:
            return self._sessions[name].closing_of(queues[name][0]).at_ms, name

        windows: list[Window] = []
        while queues and len(windows) < limit:
            name = min(queues, key=head)
            session = self._sessions[name]
            taken = queues.pop(name)[: limit - len(windows)]
            session.leased = taken[-1]
            self._leases[name] = now_ms + lease_ms
            windows += [
                assemble(self._spec, self._shard, raw_window(self._spec, session, w)) for w in taken
            ]
        for name in sorted(self._sessions):
            session = self._sessions[name]
            for start_us in session.early():
                if len(windows) < limit:
                    revision = session.revisions[start_us]
                    raw = raw_window(self._spec, session, start_us, revision)
                    windows.append(assemble(self._spec, self._shard, raw))
                    session.revisions[start_us].cause = None
                    session.revisions[start_us].number += 1
            if self._ends(session) and len(windows) < limit:
                self._leases[name] = now_ms + lease_ms
                windows.append(end_of_session(self._spec, self._shard, session))
        return windows

    def ack(
        self,
        windows: Sequence[WindowKey],
        late: Sequence[tuple[str, int]],
        event_states: Mapping[str, bytes],
    ) -> dict[str, int]:
        """Remove published windows and late samples; returns each input's committable offset.

        A window that is already gone, or not due, is passed over, and with it its event state:
        a second acknowledgement must not bring back an old one.
        """
        for key in windows:
            session = self._sessions.get(key.session)
            if session is None:
                continue
            state = event_states.get(key.session, session.event_state)
            if key.over:
                # It may have come back since: then it goes on, with its events closed.
                session.event_state = state
                self._leases.pop(key.session, None)
                if session.over:
                    self._bury(session, session.last_ms)
                continue
            if not session.acked < key.start_us <= session.closed:
                continue
            session.event_state = state
            closing.acknowledge(self._spec, session, key.start_us)
            if session.leased != NEVER and session.leased <= session.acked:
                session.leased = NEVER
                self._leases.pop(key.session, None)
        for input, offset in late:
            self._late.get(input, {}).pop(offset, None)
        return {i: self._committable(i) for i in self._spec.position if i in self._applied}

    def _committable(self, input: str) -> int:
        position = self._spec.position[input]
        lowest = [session.lowest(position) for session in self._sessions.values()]
        held = [offset for offset in lowest if offset is not None]
        return min([self._applied[input], *held, *self._late.get(input, {})])


def _order(record: Entry | SessionEnd) -> tuple[int, int]:
    return record.offset, record.start_us if isinstance(record, Entry) else 0


def _late_sample(input: str, entry: Entry, reason: LateReason, late_by_us: int) -> LateSample:
    return LateSample(
        input, entry.offset, entry.session, entry.sensor, entry.start_us, late_by_us, reason
    )
