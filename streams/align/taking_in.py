"""One batch on its way into a shard: which of its records are known, late or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from schemas.sample import SessionEnd
from streams.align import closing
from streams.align.session import Session
from streams.align.taking import take
from streams.align.types import Batch, DropReason, Entry, LateSample

if TYPE_CHECKING:
    from streams.align.core import ShardCore


def in_order(batch: Batch) -> Sequence[Entry | SessionEnd]:
    """The batch's records and session ends, in order of their offsets."""
    if not batch.ends:
        return batch.entries
    return sorted([*batch.entries, *batch.ends], key=_order)


class TakingIn:
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
        self.drops: Counter[DropReason] = Counter()

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
            self._spec,
            session,
            self._position,
            entry,
            self._now_ms,
            done=offset in self._done,
            drops=self.drops,
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


def _order(record: Entry | SessionEnd) -> tuple[int, int]:
    return record.offset, record.start_us if isinstance(record, Entry) else 0
