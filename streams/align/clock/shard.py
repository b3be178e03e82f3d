"""The clocks of a shard's sessions: what intake asks, and what the shard's state keeps."""

from __future__ import annotations

from schemas.pipeline import Pipeline
from schemas.result import Correction
from streams.align.clock.rules import Corrected, clock_rules, correction_of
from streams.align.clock.session import SessionClocks

#: Sessions of one shard whose clocks are estimated. A sensor's state takes 2.5 KB at most in
#: memory: with ten sensors each, 500 MB at worst.
MAX_SESSIONS = 20_000


class ShardClocks:
    """Corrects the event times of one shard's samples.

    Sessions beyond ``max_sessions`` get their fixed offsets alone and are counted in ``refused``;
    ``forget`` makes room.
    """

    def __init__(self, pipeline: Pipeline, max_sessions: int = MAX_SESSIONS) -> None:
        self._rules = clock_rules(pipeline)
        self._max_sensors = pipeline.limits.max_sensors
        self._max_sessions = max_sessions
        self._sessions: dict[str, SessionClocks] = {}
        self._dirty: set[str] = set()
        #: Records that were not estimated because there were too many sessions.
        self.refused = 0

    def correct(
        self,
        input: str,
        session: str,
        sensor: str,
        start_us: int,
        end_us: int,
        *,
        offset: int,
        arrival_ms: int,
    ) -> Corrected:
        """Correct one sample. Records of a partition are to be given in the order of their offsets.

        ``offset`` is the record's and ``arrival_ms`` its Kafka timestamp, below 0 if it has none.
        """
        rule = self._rules[input].of(sensor)
        if not rule.estimated:
            fixed_us = rule.fixed_us
            return Corrected(start_us + fixed_us, end_us + fixed_us, fixed_us)
        clocks = self._sessions.get(session)
        if clocks is None:
            if len(self._sessions) >= self._max_sessions:
                self.refused += 1
                return Corrected(start_us + rule.fixed_us, end_us + rule.fixed_us, rule.fixed_us)
            clocks = self._sessions[session] = SessionClocks(self._max_sensors)
        corrected, changed = clocks.correct(
            rule, input, sensor, start_us, end_us, offset=offset, arrival_ms=arrival_ms
        )
        if changed:
            self._dirty.add(session)
        return corrected

    def correction(self, input: str, session: str, sensor: str) -> Correction | None:
        """The correction of a sensor's newest record; ``None`` if its clock is not corrected.

        A result needs the one of its window's newest sample, which ``correct`` returned for it:
        the sensor may be further by now.
        """
        rule = self._rules[input].of(sensor)
        clocks = self._sessions.get(session)
        newest = None if clocks is None else clocks.newest(rule, input, sensor)
        offset_us, drift_ppb = newest or (rule.fixed_us, 0)
        return correction_of(rule, offset_us, drift_ppb)

    def dirty(self) -> dict[str, bytes]:
        """Session -> packed state, of the sessions that changed since this was last asked."""
        changed = {session: self._sessions[session].pack() for session in sorted(self._dirty)}
        self._dirty.clear()
        return changed

    def load(self, session: str, packed: bytes) -> None:
        """Go on from a packed state, in place of what is known of the session.

        Raises ``WireError`` where the bytes are not what ``dirty`` gave.
        """
        self._sessions[session] = SessionClocks.unpack(packed, self._max_sensors)
        self._dirty.discard(session)

    def forget(self, session: str) -> None:
        """Drop a session that is over."""
        self._sessions.pop(session, None)
        self._dirty.discard(session)

    def __len__(self) -> int:
        return len(self._sessions)
