"""Which due windows are handed out next, and which are out."""

from __future__ import annotations

from collections.abc import Mapping

from streams.align.assemble import assemble
from streams.align.handing_out import end_of_session, raw_window
from streams.align.plain import assemble_plain
from streams.align.rules import NEVER
from streams.align.session import Session
from streams.align.spec import AlignSpec
from streams.align.types import Window


class Leases:
    """Hands out a shard's due windows, early looks and ends of sessions.

    A session is in ``_ready`` if it has due windows and no lease, in ``_looks`` if an early result
    or its end is to be made, in ``_out`` if it has a lease.
    """

    def __init__(self, spec: AlignSpec, shard: int) -> None:
        self._spec = spec
        self._shard = shard
        self._plain = spec.is_plain and not any(rule.fixed_us for rule in spec.inputs)
        #: session -> wall time at which its first due window closed.
        self._ready: dict[str, int] = {}
        self._looks: set[str] = set()
        #: session -> wall time at which its lease ends.
        self._out: dict[str, int] = {}

    def note(self, session: Session) -> None:
        """Find a session's place again; to be called whenever it has changed."""
        name = session.name
        if session.due and name not in self._out:
            if name not in self._ready:
                self._ready[name] = session.closing_of(session.due[0]).at_ms
        else:
            self._ready.pop(name, None)
        if session.over or (session.revisions and session.early()):
            self._looks.add(name)
        else:
            self._looks.discard(name)

    def drop(self, name: str) -> None:
        """The session is no more."""
        self._ready.pop(name, None)
        self._looks.discard(name)
        self._out.pop(name, None)

    def waiting(self, sessions: Mapping[str, Session]) -> int:
        """Early looks and ends of sessions that are to be handed out."""
        return sum(len(sessions[name].early()) + self._ends(sessions[name]) for name in self._looks)

    def _ends(self, session: Session) -> bool:
        return session.over and session.name not in self._out

    def finished(self, session: Session) -> None:
        """All that was out of a session is acknowledged."""
        session.leased = NEVER
        self._out.pop(session.name, None)
        # What is due by now may have closed at another time.
        self._ready.pop(session.name, None)

    def expire(self, now_ms: float) -> list[str]:
        """End the leases that have run out; returns whose."""
        expired = [name for name, until_ms in self._out.items() if until_ms <= now_ms]
        for name in expired:
            del self._out[name]
        return expired

    def hand_out(self, sessions: Mapping[str, Session], limit: int, until_ms: int) -> list[Window]:
        """Up to ``limit`` windows by (completed, session), each session's in order; then early
        results and ends by session.
        """
        windows: list[Window] = []
        for _, name in sorted((at_ms, name) for name, at_ms in self._ready.items()):
            if len(windows) >= limit:
                break
            session = sessions[name]
            taken = session.due[: limit - len(windows)]
            session.leased = taken[-1]
            del self._ready[name]
            self._out[name] = until_ms
            windows += [self._assembled(session, window) for window in taken]
        for name in sorted(self._looks) if len(windows) < limit else ():
            session = sessions[name]
            for start_us in session.early()[: limit - len(windows)]:
                raw = raw_window(self._spec, session, start_us, session.revisions[start_us])
                windows.append(assemble(self._spec, self._shard, raw))
                note_look(session, start_us)
            if self._ends(session) and len(windows) < limit:
                self._out[name] = until_ms
                windows.append(end_of_session(self._spec, self._shard, session))
        return windows

    def _assembled(self, session: Session, window: int) -> Window:
        if self._plain:
            assembled = assemble_plain(self._spec, self._shard, session, window)
            if assembled is not None:
                return assembled
        return assemble(self._spec, self._shard, raw_window(self._spec, session, window))


def note_look(session: Session, window: int) -> None:
    """An early result of a window is being made."""
    revision = session.revisions[window]
    revision.cause = None
    revision.number += 1
