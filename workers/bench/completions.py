"""When each window of a live run was completed, from what the broker confirmed."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from workers.bench.oracle import WindowId
from workers.bench.produce import Confirmed
from workers.bench.watcher import Sighting
from workers.bench.workload import LATENESS_MS, RATES_HZ, SIZE_MS, Workload, session_name

#: Of one batch, ``time.monotonic_ns``: when the broker confirmed it, when the client was given it.
Moment = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """One window's, in ms. ``total_ms``: from the acknowledgement of the completing sample to the
    sighting of the result; ``from_send_ms``: from its sending. The rest are parts of the total: to
    the moment at which Redis has the sample; from there to fusion; from after fusion to the
    sighting.
    """

    total_ms: float
    from_send_ms: float
    until_applied_ms: float
    until_fusion_ms: float
    until_seen_ms: float


class Completions:
    """The moments at which the watermarks of a recording pass the ends of its windows.

    A window is completed once every sensor has a sample at or after its end plus the lateness. In
    which order samples of different sensors are applied does not matter to that moment.
    """

    def __init__(self, workload: Workload) -> None:
        self._first_ms = workload.start_ms - workload.start_ms % SIZE_MS
        self._began_ns: int | None = None
        #: (session, input) -> start in ms of the first window that it has not completed
        self._frontiers: dict[tuple[int, str], int] = {}
        #: window -> how many inputs have completed it, and the newest moment of these
        self._parts: dict[WindowId, tuple[int, Moment]] = {}

    def add(self, batches: Iterable[Confirmed]) -> None:
        """Take confirmed batches in, a partition's in their order."""
        for batch in batches:
            if self._began_ns is None:
                self._began_ns = batch.sent_ns
            moment = (batch.acked_ns, batch.sent_ns)
            for one in batch.arrivals:
                self._advance(one.session, one.input, one.time_ms, moment)

    def _advance(self, session: int, input: str, time_ms: int, moment: Moment) -> None:
        frontier_ms = self._frontiers.get((session, input), self._first_ms)
        while frontier_ms + SIZE_MS + LATENESS_MS <= time_ms:
            window = (session_name(session), frontier_ms)
            count, newest = self._parts.get(window, (0, moment))
            self._parts[window] = (count + 1, max(newest, moment))
            frontier_ms += SIZE_MS
        self._frontiers[session, input] = frontier_ms

    @property
    def completed(self) -> dict[WindowId, Moment]:
        """Windows that every input has completed, and the moment at which the last one did."""
        return {
            window: moment
            for window, (count, moment) in self._parts.items()
            if count == len(RATES_HZ)
        }

    def latencies(self, sightings: Iterable[Sighting], *, after_s: float) -> list[Latency]:
        """Of each window that was completed later than ``after_s`` after the first sample."""
        completed = self.completed
        earliest_ns = (self._began_ns or 0) + round(after_s * 1e9)
        # The worker's own times are by the wall clock.
        wall_ns = time.time_ns() - time.monotonic_ns()
        found = []
        for one in sightings:
            acked_ns, sent_ns = completed.get((one.session, one.start_ms), (0, 0))
            if acked_ns < earliest_ns:
                continue
            until_applied_ms = one.applied_at_ms - (acked_ns + wall_ns) / 1e6
            total_ms = (one.seen_ns - acked_ns) / 1e6
            before_fused_ms = until_applied_ms + one.wait_ms + one.fuse_ms
            found.append(
                Latency(
                    total_ms=total_ms,
                    from_send_ms=(one.seen_ns - sent_ns) / 1e6,
                    until_applied_ms=until_applied_ms,
                    until_fusion_ms=one.wait_ms,
                    until_seen_ms=total_ms - before_fused_ms,
                )
            )
        return found
