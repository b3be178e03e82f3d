"""The aligner over a recording, whose clock and whose end are its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from schemas.units import US_PER_MS
from streams.align.core import ShardCore
from streams.align.spec import AlignSpec
from streams.align.types import Applied, Batch, Entry, LateSample, Window, WindowKey

#: ``backlog``: sensors are waited for to the end, as by a worker that starts on topics which hold
#: the whole recording. ``live``: they fall idle as they did while they were recorded.
Replay = Literal["live", "backlog"]

#: Wall time between two looks at the clock; a worker looks about as often.
STEP_MS = 100
#: Windows handed out at a time.
_LEASE = 256
#: Nobody else asks for windows: a lease need only outlive the call after it.
_LEASE_MS = 1_000


class Timeline:
    """Feeds entries to a ``ShardCore`` step by step of ``STEP_MS`` and collects what comes out.

    Samples come in ascending ``due_us``, the moment at which a sensor handed them over: that is
    the wall clock. Which windows come out when follows from the samples alone, not from how many
    are added at a time.

    ``absent``: inputs of which the recording has nothing. Their topics would be empty, so they are
    read to their end from the start.
    """

    def __init__(
        self, spec: AlignSpec, replay: Replay = "backlog", absent: Collection[str] = ()
    ) -> None:
        self._core = ShardCore(spec, shard=0)
        self._inputs = tuple(rule.name for rule in spec.inputs)
        self._caught_up = self._inputs if replay == "live" else tuple(absent)
        self._longest_silence_ms = max(rule.idle_after_ms for rule in spec.inputs)
        self._live = replay == "live"
        #: End of the step that is being filled; everything before it has been applied.
        self._until_ms: int | None = None
        self._step: dict[str, tuple[int, list[Entry]]] = {}
        self._windows: list[Window] = []
        self._late: list[LateSample] = []
        #: Records that their session had no room for, counted in no window.
        self.dropped = 0
        #: Most tiles that were open at a time.
        self.most_open = 0

    def add(self, input: str, offset: int, due_us: int, entries: Sequence[Entry]) -> None:
        """Take one record; no entries for one that cannot be placed in time."""
        until_ms = (due_us // US_PER_MS // STEP_MS + 1) * STEP_MS
        if self._until_ms is None:
            self._until_ms = until_ms
        elif until_ms > self._until_ms:
            self._apply_step(self._until_ms)
            self._pass_time(self._until_ms, until_ms)
            self._until_ms = until_ms
        _, waiting = self._step.get(input, (0, []))
        waiting.extend(entries)
        self._step[input] = offset + 1, waiting

    def finish(self) -> None:
        """The recording is over: everything is read and every sensor is silent, so all closes."""
        if self._until_ms is None:
            return
        self._apply_step(self._until_ms)
        over_ms = self._until_ms + self._longest_silence_ms + 1
        self._collect(self._core.tick(dict.fromkeys(self._inputs, over_ms), over_ms), over_ms)

    def take_windows(self) -> list[Window]:
        """Final windows that have closed since the last time, in the order of their closing."""
        windows, self._windows = self._windows, []
        return windows

    def take_late(self) -> list[LateSample]:
        """Samples that have come late since the last time."""
        late, self._late = self._late, []
        return late

    def _apply_step(self, now_ms: int) -> None:
        # While an input is applied, the others are known only up to the step before.
        through_ms = self._read_through(now_ms - STEP_MS if self._live else now_ms)
        for input, (next_offset, entries) in self._step.items():
            batch = Batch(input, next_offset, entries, read_through_ms=through_ms)
            self._collect(self._core.apply(batch, now_ms), now_ms)
        self._step.clear()
        self._tick(now_ms)

    def _pass_time(self, from_ms: int, until_ms: int) -> None:
        """Look twice at a gap's end: sensors are idle by then, and sessions may be over."""
        for now_ms in (until_ms - 2 * STEP_MS, until_ms - STEP_MS):
            if now_ms > from_ms:
                self._tick(now_ms)

    def _tick(self, now_ms: int) -> None:
        if self._caught_up:
            self._collect(self._core.tick(self._read_through(now_ms), now_ms), now_ms)

    def _read_through(self, at_ms: int) -> Mapping[str, int]:
        return dict.fromkeys(self._caught_up, at_ms)

    def _collect(self, applied: Applied, now_ms: int) -> None:
        self._late += applied.late
        self.dropped += applied.dropped
        self.most_open = max(self.most_open, applied.open_windows)
        late = [(each.input, each.offset) for each in applied.late]
        if late:
            self._core.ack([], late, {})
        if applied.due:
            while windows := self._core.lease(_LEASE, now_ms, _LEASE_MS):
                final = [each for each in windows if each.final]
                self._windows += final
                keys = [WindowKey(each.session, each.start_us) for each in final]
                self._core.ack(keys, [], {})
