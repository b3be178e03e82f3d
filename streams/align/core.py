"""One shard's sessions and windows: the core that all alignment is done by.

Pure: it has no clock, no Kafka and no Redis. What changes it are the calls below, with their
arguments and nothing else, so that the same calls give the same state anywhere (``journal``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from streams.align import closing, rules
from streams.align.leases import note_look
from streams.align.passing import is_over, pass_time, seen_by_time
from streams.align.quick import QuickTaker, takes_quickly
from streams.align.rules import NEVER
from streams.align.session import Session
from streams.align.spec import AlignSpec
from streams.align.state import SHARD, ShardState
from streams.align.taking_in import TakingIn, in_order
from streams.align.types import (
    NO_DROPS,
    NO_STATES,
    Applied,
    Batch,
    DropReason,
    LateSample,
    Restored,
    Window,
    WindowKey,
)


class ShardCore(ShardState):
    """Aligns the records of one shard. See ``WindowStore`` for what each call does."""

    def __init__(self, spec: AlignSpec, shard: int, past: Restored | None = None) -> None:
        super().__init__(spec, shard, past or Restored())
        self._quick = [
            QuickTaker(spec, n) if takes_quickly(spec, n) else None for n in range(len(spec.inputs))
        ]

    # -- records ------------------------------------------------------------------------------

    def apply(self, batch: Batch, now_ms: int) -> Applied:
        """Take records of one input in, in order of their offsets.

        Raises ``ValueError``, with nothing done, for an event time past ``MAX_EVENT_TIME_US``.
        """
        starts_us = [entry.start_us for entry in batch.entries]
        for start_us in (min(starts_us, default=0), max(starts_us, default=0)):
            rules.check_event_time(start_us)
        input, position = batch.input, self.spec.position[batch.input]
        through_ms = self._through(batch.read_through_ms)
        taking = TakingIn(self, input, now_ms, through_ms)
        records = in_order(batch)
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
            drops=taking.drops,
        )

    def _through(self, by_name: Mapping[str, int]) -> dict[int, int]:
        position = self.spec.position
        return {position[name]: at for name, at in by_name.items() if name in position}

    def _answer(
        self,
        *,
        late: tuple[LateSample, ...] = (),
        repeats: int = 0,
        dropped: int = 0,
        drops: Mapping[DropReason, int] = NO_DROPS,
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
            drops=drops,
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
        before = seen_by_time(session)
        pass_time(self.spec, session, through_ms, now_ms)
        self._deadlines[session.name] = rules.next_deadline_ms(
            self.spec, session.sensors, session.last_ms, session.ended_ms
        )
        self._settle(session, now_ms)
        if is_over(self.spec, session, through_ms, now_ms):
            if not session.event_state:
                self._bury(session, now_ms)
                return True
            session.over = True
        if seen_by_time(session) == before:
            return False
        self._note(session)
        return True

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

    def ack(
        self,
        windows: Sequence[WindowKey],
        late: Sequence[tuple[str, int]],
        event_states: Mapping[str, bytes],
        model_states: Mapping[str, bytes] = NO_STATES,
    ) -> None:
        """Remove published windows and late samples.

        A window that is already gone, or not due, is passed over, and with it its states: a second
        acknowledgement must not bring back old ones.
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
                # It may have come back since: then it begins anew, with its events closed.
                session.event_state, session.model_state = state, b""
                self._leases.finished(session)
                if session.over:
                    self._bury(session, session.last_ms)
                    continue
            elif session.acked < window <= session.closed:
                session.event_state = state
                session.model_state = model_states.get(name, session.model_state)
                closing.acknowledge(self.spec, session, window)
                if session.leased != NEVER and session.leased <= session.acked:
                    self._leases.finished(session)
            self._note(session)
        for input, offset in late:
            if self.late.get(input, {}).pop(offset, None) is not None:
                self._touched.add(SHARD)
