"""One shard's windows as a pure state machine: no Redis, no Kafka, no clock.

The Lua scripts do the same step by step; a change here needs its twin there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from streams.align import rules
from streams.align.assemble import assemble
from streams.align.rules import MAX_TOMBSTONES, NEVER, LateReason
from streams.align.session import Session
from streams.align.spec import AlignSpec
from streams.align.types import Applied, Entry, LateSample, Restored, Window, WindowKey

#: A shard without a past.
NOTHING = Restored()


class ShardCore:
    """Sessions of one shard, what is read of each input, and what is out on lease.

    ``past``: what the results topic knows, where the former state was lost.
    """

    def __init__(self, spec: AlignSpec, shard: int, past: Restored = NOTHING) -> None:
        self._spec = spec
        self._shard = shard
        self._sessions: dict[str, Session] = {}
        #: session -> wall time of the next look; exactly the keys of ``_sessions``.
        self._deadlines: dict[str, int] = {}
        #: session -> wall time at which its lease ends.
        self._leases: dict[str, int] = {}
        #: expired session -> (expired at, newest closed window, event state).
        self._tombstones: dict[str, tuple[int, int, bytes]] = {}
        #: input -> next offset to be read.
        self._applied: dict[str, int] = dict(past.committed)
        #: input -> offset -> why a sample is late, until it is published.
        self._late: dict[str, dict[int, tuple[LateReason, int]]] = {}
        #: input -> offsets that a published result has (after a restore).
        self._done: dict[str, set[int]] = {i: set(offsets) for i, offsets in past.done.items()}
        for session in past.sessions:
            self._sessions[session.session] = Session.restored(spec, session)
            self._deadlines[session.session] = 0

    @property
    def applied(self) -> dict[str, int]:
        """Input -> next offset to be read."""
        return dict(self._applied)

    def apply(self, input: str, next_offset: int, entries: Iterable[Entry], now_ms: int) -> Applied:
        """Take records of one input in, session by session, each session's in their order."""
        position = self._spec.position[input]
        applied = self._applied.get(input, 0)
        pending = self._late.setdefault(input, {})
        late: list[LateSample] = []
        repeats = dropped = 0
        fresh: dict[str, list[Entry]] = {}
        for entry in entries:
            if entry.offset < applied:
                repeats += 1
                if entry.offset in pending:
                    late.append(_late_sample(input, entry, *pending[entry.offset]))
            else:
                fresh.setdefault(entry.session, []).append(entry)
        done = self._done.get(input, set())
        for name, records in fresh.items():
            session = self._sessions.get(name) or self._begin(name, now_ms)
            for entry in records:
                taken = session.take(self._spec, position, entry, now_ms, done=entry.offset in done)
                done.discard(entry.offset)
                if taken.woke:
                    idle_at_ms = now_ms + self._spec.inputs[position].idle_after_ms
                    self._deadlines[name] = min(self._deadlines[name], idle_at_ms)
                if taken.late is not None:
                    pending[entry.offset] = taken.late
                    late.append(_late_sample(input, entry, *taken.late))
                dropped += taken.unplaced
                session.close(self._spec, now_ms)
        self._applied[input] = max(applied, next_offset)
        late.sort(key=lambda sample: sample.offset)
        return Applied(
            late=tuple(late),
            repeats=repeats,
            due=self._due(),
            open_windows=sum(len(s.open()) for s in self._sessions.values()),
            dropped=dropped,
        )

    def _begin(self, name: str, now_ms: int) -> Session:
        session = Session.begin(self._spec, name, now_ms)
        if (buried := self._tombstones.pop(name, None)) is not None:
            _, session.closed, session.event_state = buried
        self._sessions[name] = session
        self._deadlines[name] = rules.next_deadline_ms(self._spec, session.sensors, now_ms, now_ms)
        return session

    def _due(self) -> int:
        return sum(k > s.leased for s in self._sessions.values() for k in s.due())

    def tick(self, caught_up: Collection[str], now_ms: int) -> int:
        """Find sensors idle and sessions over; returns how many windows wait for a lease."""
        self._end_leases(now_ms)
        position = self._spec.position
        inputs = frozenset(position[input] for input in caught_up if input in position)
        everything_read = len(inputs) == len(self._spec.inputs)
        for name in [n for n, at_ms in self._deadlines.items() if at_ms <= now_ms]:
            session = self._sessions[name]
            session.last_ms = now_ms if session.last_ms == NEVER else session.last_ms
            for sensor in session.sensors:
                if sensor.wall_ms == NEVER:
                    sensor.wall_ms = now_ms
                if not sensor.idle and rules.falls_idle(self._spec, sensor, inputs, now_ms):
                    sensor.idle = True
            session.close(self._spec, now_ms)
            quiet = now_ms - session.last_ms >= self._spec.session_timeout_ms
            if session.all_idle() and not session.windows and quiet and everything_read:
                self._bury(session, now_ms)
            else:
                self._deadlines[name] = rules.next_deadline_ms(
                    self._spec, session.sensors, session.last_ms, now_ms
                )
        return self._due()

    def _bury(self, session: Session, now_ms: int) -> None:
        del self._sessions[session.name], self._deadlines[session.name]
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
            if name not in self._leases and (due := session.due())
        }

        def head(name: str) -> tuple[int, str]:
            return self._sessions[name].windows[queues[name][0]].completed_at_ms, name

        windows: list[Window] = []
        while queues and len(windows) < limit:
            name = min(queues, key=head)
            session = self._sessions[name]
            session.leased = queues[name].pop(0)
            if not queues[name]:
                del queues[name]
            self._leases[name] = now_ms + lease_ms
            windows.append(assemble(self._spec, self._shard, session.raw(session.leased)))
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
            index = rules.own_window(self._spec, key.start_us)
            if session is None or index > session.closed or index not in session.windows:
                continue
            del session.windows[index]
            session.event_state = event_states.get(key.session, session.event_state)
            if not any(k <= session.leased for k in session.windows):
                session.leased = NEVER
                self._leases.pop(key.session, None)
        for input, offset in late:
            self._late.get(input, {}).pop(offset, None)
        return {i: self._committable(i) for i in self._spec.position if i in self._applied}

    def _committable(self, input: str) -> int:
        position = self._spec.position[input]
        held = [
            kept.lowest[position]
            for session in self._sessions.values()
            for kept in session.windows.values()
            if position in kept.lowest
        ]
        return min([self._applied[input], *held, *self._late.get(input, {})])


def _late_sample(input: str, entry: Entry, reason: LateReason, late_by_us: int) -> LateSample:
    return LateSample(
        input, entry.offset, entry.session, entry.sensor, entry.start_us, late_by_us, reason
    )
