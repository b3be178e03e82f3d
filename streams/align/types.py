"""What goes into the aligner and what comes out: plain values, shared by every window store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of one input as the aligner sees it.

    ``feature`` is the encoder's output; ``None`` for a sample that was diverted as invalid: it
    still moves its sensor's watermark and is counted in its window.
    """

    session: str
    sensor: str
    offset: int
    start_us: int
    end_us: int
    feature: bytes | None


@dataclass(frozen=True, slots=True)
class LateSample:
    """A sample that came after its window was closed. ``late_by_us`` > 0."""

    input: str
    offset: int
    session: str
    sensor: str
    start_us: int
    late_by_us: int
    reason: Literal["behind_sensor", "window_closed"]


@dataclass(frozen=True, slots=True)
class Applied:
    """What one batch did: late samples to divert, repeats ignored, windows now due in the shard.

    ``due``: closed windows that are neither out on lease nor acknowledged. ``dropped``: records
    refused because their session has all the open windows or sensors it may have, counted in no
    window.
    """

    late: tuple[LateSample, ...] = ()
    repeats: int = 0
    due: int = 0
    open_windows: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class WindowSample:
    """One sample that a matcher chose for a window."""

    sensor: str
    input: str
    offset: int
    start_us: int
    end_us: int
    feature: bytes


@dataclass(frozen=True, slots=True)
class SensorTally:
    """What happened to one sensor in one window.

    ``offsets``: every accepted sample whose event time lies in the window, used or not, ascending.
    ``seen``: the session had an accepted sample of this sensor before the window's end.
    """

    input: str
    samples: int = 0
    invalid: int = 0
    dropped: int = 0
    seen: bool = False
    offsets: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """A due window, handed out once under a lease.

    ``samples`` are sorted by (start_us, sensor, input, offset). ``tallies`` has every declared or
    discovered sensor. ``event_state`` is what was stored with the session's previous window.
    """

    shard: int
    session: str
    start_us: int
    end_us: int
    samples: tuple[WindowSample, ...]
    tallies: Mapping[str, SensorTally]
    completed_at_ms: int
    event_state: bytes = b""


@dataclass(frozen=True, slots=True)
class Claim:
    """Answer to taking a shard over: whether there was state, and what it has of each input."""

    fresh: bool
    applied: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RestoredSession:
    """What the results topic knows of a session: enough to go on after Redis was lost."""

    session: str
    closed_through_us: int
    #: sensor -> (input, end_us of the first window that had it)
    sensors: Mapping[str, tuple[str, int]]
    event_state: bytes = b""


@dataclass(frozen=True, slots=True)
class Restored:
    """A shard's past, read back from its results: sessions, and offsets already in a result."""

    sessions: Sequence[RestoredSession] = ()
    #: input -> offsets, at or after the committed one, that a published result already used
    done: Mapping[str, Collection[int]] = field(default_factory=dict)
    #: input -> next offset to be read (the committed one)
    committed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WindowKey:
    """Names one window of one shard."""

    session: str
    start_us: int


class WindowStore(Protocol):
    """Windows of many shards. One atomic step per call; ``now_ms`` is the wall clock passed in.

    Every call but ``claim`` and ``restore`` raises ``StateLost`` when the shard's state is gone or
    is not the one this store wrote last, and ``Fenced`` when another owner has claimed the shard.
    """

    async def claim(self, shard: int, owner: str) -> Claim:
        """Take a shard over: fences the former owner and voids its leases."""

    async def restore(self, shard: int, owner: str, past: Restored) -> None:
        """Replace whatever the shard holds by what the results topic knows."""

    async def apply(
        self, shard: int, input: str, next_offset: int, entries: Sequence[Entry], now_ms: int
    ) -> Applied:
        """Take a chunk of one input in; afterwards the shard has that input up to next_offset."""

    async def tick(self, shard: int, caught_up: Collection[str], now_ms: int) -> int:
        """Find sensors idle (silent, and their input caught up); returns windows now due."""

    async def lease(self, shard: int, limit: int, now_ms: int, lease_ms: int) -> list[Window]:
        """Hand out due windows, oldest first, and a session's in order. A window whose session
        has an earlier window out on lease is not handed out.
        """

    async def ack(
        self,
        shard: int,
        windows: Sequence[WindowKey],
        late: Sequence[tuple[str, int]],
        event_states: Mapping[str, bytes],
    ) -> dict[str, int]:
        """Mark windows and late samples as published and keep the sessions' event states.

        Returns per input the offset before which everything is finished (to be committed).
        """

    async def forget(self, shard: int) -> None:
        """Drop local knowledge of a shard that is no longer ours; Redis keeps its state."""
