"""What the results topic knows of a shard: the way back when Redis was lost.

Results are the durable record of what was finished. Folding them gives, per session, how far its
windows are closed, which sensors were seen, where its events stand, and which of the records that
will be read again are already in a published result.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping

import msgspec

from schemas.pipeline import Pipeline
from schemas.units import iso_to_us
from streams.align.types import Restored, RestoredSession
from streams.results_log import Logged
from streams.session_events import NOTHING, State, encode_state, step

#: Reads every result of one partition of the results topic, oldest first.
ResultLog = Callable[[int], AsyncIterator[Logged]]


class _Session:
    """What has been folded of one session so far."""

    __slots__ = ("closed_through_us", "events", "model_state", "numbers", "revisions", "sensors")

    def __init__(self) -> None:
        self.closed_through_us: int | None = None
        self.sensors: dict[str, tuple[str, int]] = {}
        self.numbers: dict[str, int] = {}
        self.events: State = NOTHING
        self.model_state = b""
        #: start_us of a window -> number of its next revision.
        self.revisions: dict[int, int] = {}


async def restore_from(
    results: AsyncIterator[Logged],
    committed: Mapping[str, int],
    pipeline: Pipeline,
) -> Restored:
    """Fold a shard's results. A session's windows are published in order, so that one which does
    not lie after the newest is a repeat (a crash between publish and acknowledge) and is skipped.

    ``committed``: input -> offset from which records will be read again.
    """
    sessions: dict[str, _Session] = {}
    done: dict[str, set[int]] = {name: set() for name in committed}
    async for result, model_state in results:
        session = sessions.setdefault(result.session, _Session())
        start_us, end_us = iso_to_us(result.window.start), iso_to_us(result.window.end)
        closed_us = session.closed_through_us
        if closed_us is not None and end_us <= closed_us:
            continue
        if not result.final:
            session.revisions[start_us] = result.revision + 1
            continue
        session.closed_through_us = end_us
        session.revisions = {at: n for at, n in session.revisions.items() if at > start_us}
        for sensor, use in result.sensors.items():
            if use.samples and sensor not in session.sensors:
                session.sensors[sensor] = (use.input, end_us)
            if use.sequence is not msgspec.UNSET:
                session.numbers[sensor] = use.sequence
            if use.input in committed:
                for first, last in use.offsets:
                    done[use.input].update(range(max(first, committed[use.input]), last + 1))
        session.events, _ = step(pipeline, session.events, result)
        session.model_state = model_state
    return Restored(
        sessions=[
            RestoredSession(
                name,
                known.closed_through_us,
                known.sensors,
                encode_state(known.events),
                known.revisions,
                known.model_state,
                known.numbers,
            )
            for name, known in sessions.items()
        ],
        done={name: offsets for name, offsets in done.items() if offsets},
        committed=dict(committed),
    )
