"""A seeded recording: which sensor of which session sends what, in the order in which it arrives.

Per session video and audio at 10 Hz and a transcript at 1 Hz. A sample arrives up to 80 ms after
its event time; 2 % are held back by up to 300 ms more, so that each partition is mildly out of
order, and a lateness of 500 ms loses nothing.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

SIZE_MS = 500
LATENESS_MS = 500
RATES_HZ = {"video": 10, "audio": 10, "transcript": 1}
#: Samples per second of one session.
SESSION_RATE_HZ = sum(RATES_HZ.values())
#: The input whose clock a ``clock_offset_ms`` puts wrong.
OFFSET_INPUT = "audio"
#: Event time at which a backlog begins, epoch milliseconds: a multiple of the window's size.
BACKLOG_START_MS = 1_700_000_000_000
#: Bytes that name a sample at the beginning of its payload.
SEQUENCE_BYTES = 8
#: Bytes of a payload that a worker keeps as its feature: what the reference encoders make of one.
#: The bare loop keeps ``SEQUENCE_BYTES``.
FEATURE_BYTES = 128

_DELAY_MS = 80.0
_HELD_BACK_SHARE = 0.02
_HELD_BACK_MS = 300.0


class Arrival(NamedTuple):
    """One sample on its way; both times are epoch milliseconds. ``time_ms`` is when it was sensed,
    whatever the sensor's clock says.
    """

    arrival_ms: float
    time_ms: int
    session: int
    input: str
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What makes the recording harder; by default nothing does.

    ``transcripts_late_ms``: transcripts arrive so much later. ``silent_from_middle``: an input
    that sends nothing in the second half. ``fast_session``: how many times as often the sensors of
    the first session send. ``clock_offset_ms``: how far the clock of ``OFFSET_INPUT`` is ahead.
    """

    transcripts_late_ms: int = 0
    silent_from_middle: str | None = None
    fast_session: int = 1
    clock_offset_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A recording of ``sessions`` sessions of ``seconds`` seconds each.

    ``stagger_ms``: how long after one session the next begins (0: all at once).
    """

    sessions: int
    seconds: int
    partitions: int = 4
    seed: int = 7
    start_ms: int = BACKLOG_START_MS
    stagger_ms: float = 0.0
    payload_bytes: int = 975
    trouble: Trouble = Trouble()

    def partition(self, session: int) -> int:
        """The partition of a session: sessions are spread evenly, as a run's rate should not
        depend on how their names happen to hash.
        """
        return session % self.partitions

    def begin_ms(self, session: int) -> float:
        """Event time at which a session begins, epoch milliseconds."""
        return self.start_ms + session * self.stagger_ms

    def stamp_ms(self, arrival: Arrival) -> int:
        """The record's timestamp: the event time as the sensor's clock has it."""
        offset_ms = self.trouble.clock_offset_ms if arrival.input == OFFSET_INPUT else 0
        return arrival.time_ms + offset_ms


def session_name(session: int) -> str:
    """The Kafka key of a session.

    >>> session_name(12)
    'bench-000012'
    """
    return f"bench-{session:06d}"


def session_arrivals(workload: Workload, session: int, first_sequence: int) -> list[Arrival]:
    """One session's samples in order of arrival, numbered from ``first_sequence`` on by sensor."""
    trouble = workload.trouble
    rng = random.Random(f"{workload.seed}/{session}")
    # Sessions do not begin where windows do.
    begin_ms = workload.begin_ms(session) + rng.random() * SIZE_MS
    middle_ms = begin_ms + workload.seconds * 500
    arrivals: list[Arrival] = []
    for name, usual_hz in RATES_HZ.items():
        rate_hz = usual_hz * (trouble.fast_session if session == 0 else 1)
        late_ms = trouble.transcripts_late_ms if name == "transcript" else 0
        phase_ms = rng.random() * 1000 / rate_hz
        for k in range(workload.seconds * rate_hz):
            time_ms = int(begin_ms + phase_ms + k * 1000 / rate_hz)
            delay_ms = rng.random() * _DELAY_MS
            if rng.random() < _HELD_BACK_SHARE:
                delay_ms += rng.random() * _HELD_BACK_MS
            if name == trouble.silent_from_middle and time_ms >= middle_ms:
                continue
            sequence = first_sequence + len(arrivals)
            arrivals.append(Arrival(time_ms + delay_ms + late_ms, time_ms, session, name, sequence))
    arrivals.sort()
    return arrivals


def by_session(workload: Workload) -> Iterator[list[Arrival]]:
    """Each session's samples; sequence numbers are unique in the whole recording."""
    sequence = 0
    for session in range(workload.sessions):
        arrivals = session_arrivals(workload, session, sequence)
        sequence += len(arrivals)
        yield arrivals


def in_order(workload: Workload, sessions: Iterable[list[Arrival]]) -> Iterator[Arrival]:
    """Merge sessions, each given in the order in which it begins, into one order of arrival.

    A session is taken from ``sessions`` when it is about to begin, so that only those that are
    alive, and the next, are in memory.
    """
    waiting = iter(sessions)
    upcoming = next(waiting, None)
    heap: list[tuple[Arrival, Iterator[Arrival]]] = []
    while heap or upcoming is not None:
        while upcoming is not None and (
            not heap or workload.begin_ms(upcoming[0].session) <= heap[0][0].arrival_ms
        ):
            rest = iter(upcoming)
            heapq.heappush(heap, (next(rest), rest))
            upcoming = next(waiting, None)
        arrival, rest = heap[0]
        following = next(rest, None)
        if following is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (following, rest))
        yield arrival
