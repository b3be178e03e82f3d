"""What goes into the aligner and what comes out: plain values, shared by every window store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import msgspec

from schemas.result import Cause
from schemas.sample import SessionEnd

#: What there was no room under: keys of a pipeline file.
DropReason = Literal[
    "max_samples_per_window",
    "max_window_bytes",
    "max_session_bytes",
    "max_open_windows",
    "max_sensors",
]
NO_DROPS: Mapping[DropReason, int] = MappingProxyType({})
#: No session has a new state.
NO_STATES: Mapping[str, bytes] = MappingProxyType({})
#: Kinds of what is kept of a record.
SAMPLE, PART, INVALID, DROPPED = range(4)


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One record of one input as the aligner sees it, or one part of a record that was cut.

    ``feature`` is the encoder's output; ``None`` for a sample that was diverted as invalid: it
    still moves its sensor's watermark and is counted in its window. ``part`` is 0 for a record's
    first or only part; the others, of the same offset, are used but not counted again. A record
    that was dropped for want of room, here or before it was encoded, is kept as ``DROPPED`` and
    without a feature.
    ``sequence``: the producer's number of the sample. ``shift_us``, ``drift_ppb``: what its event
    times were corrected by, and the rate of its clock less 1 in parts per billion.
    """

    session: str
    sensor: str
    offset: int
    start_us: int
    end_us: int
    feature: bytes | None
    part: int = 0
    sequence: int | None = None
    shift_us: int = 0
    drift_ppb: int = 0

    @property
    def kind(self) -> int:
        """``SAMPLE`` or ``PART``; or ``INVALID`` or ``DROPPED``, which are only counted."""
        if self.feature is not None:
            return PART if self.part else SAMPLE
        return DROPPED if self.part == DROPPED else INVALID


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of one input and one partition.

    ``ends``: session end markers among them, in order of offset. ``read_through_ms``: input ->
    wall time; what the broker had of that input then is applied, this batch included. ``notes``:
    session -> bytes to be kept with it, for whoever takes the shard over.
    """

    input: str
    next_offset: int
    entries: Sequence[Entry]
    ends: Sequence[SessionEnd] = ()
    read_through_ms: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, bytes] = field(default_factory=dict)


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

    ``due``: closed windows that are neither out on lease nor acknowledged, early results to make
    and sessions to end. ``open_windows``: tiles of which a window may still close. ``dropped``:
    records refused because their session has all the open windows or sensors it may have, counted
    in no window. ``size``: bytes that the shard keeps. ``full``: a session keeps more than it may.
    ``drops``: samples for which there was no room, counted in a window or not, by the limit that
    was met. ``changed``, ``forgotten``: sessions with which the passing of time did something, and
    those of them that are over.
    """

    late: tuple[LateSample, ...] = ()
    repeats: int = 0
    due: int = 0
    open_windows: int = 0
    dropped: int = 0
    size: int = 0
    full: bool = False
    drops: Mapping[DropReason, int] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()


class WindowSample(msgspec.Struct, frozen=True, gc=False):
    """One sample, or part of one, that a matcher chose for a window."""

    sensor: str
    input: str
    offset: int
    start_us: int
    end_us: int
    feature: bytes


class SensorTally(msgspec.Struct, frozen=True):
    """What happened to one sensor in one window.

    ``offsets``: every accepted sample whose event time lies in the window, used or not, ascending.
    ``seen``: the session had an accepted sample of this sensor before the window's end.
    ``gaps``, ``repeats``: sequence numbers skipped, or come again, in the window's samples and, on
    a grid, the one before them. ``shift_us``, ``drift_ppb``: as of its newest sample in the window.
    ``sequence``: the newest number of those that no later window has; ``None`` where the window
    has no numbers, or is triggered.
    """

    input: str
    samples: int = 0
    invalid: int = 0
    dropped: int = 0
    seen: bool = False
    offsets: tuple[int, ...] = ()
    gaps: int = 0
    repeats: int = 0
    shift_us: int = 0
    drift_ppb: int = 0
    sequence: int | None = None


class Window(msgspec.Struct, frozen=True):
    """A due window, handed out once under a lease, or an early look at an open one.

    ``samples`` are sorted by (start_us, sensor, input, offset). ``tallies`` has every declared or
    discovered sensor. ``event_state`` is what was stored with the session's previous window, and
    ``model_state`` what the model had then; of several windows of a session that are handed out
    together only the first has it as it will be.
    ``watermark_us``: the session's when the window closed, ``None`` after a flush; ``idle``: labels
    of the sensors that were not waited for. ``over``: no window but the end of its session, whose
    events are to be closed; it has no samples, and ``end_us`` is the end of the newest window.
    """

    shard: int
    session: str
    start_us: int
    end_us: int
    samples: tuple[WindowSample, ...]
    tallies: Mapping[str, SensorTally]
    completed_at_ms: int
    event_state: bytes = b""
    revision: int = 0
    final: bool = True
    cause: Cause = "watermark"
    watermark_us: int | None = None
    idle: tuple[str, ...] = ()
    over: bool = False
    model_state: bytes = b""


@dataclass(frozen=True, slots=True)
class Claim:
    """Answer to taking a shard over: whether there was state, what it has of each input, and the
    notes kept with its sessions.
    """

    fresh: bool
    applied: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RestoredSession:
    """What the results topic knows of a session: enough to go on after Redis was lost.

    ``closed_through_us``: end of its newest final window, ``None`` before the first.
    """

    session: str
    closed_through_us: int | None
    #: sensor -> (input, end_us of the first window that had it)
    sensors: Mapping[str, tuple[str, int]]
    event_state: bytes = b""
    #: start_us of an open window -> number of its next revision
    revisions: Mapping[int, int] = field(default_factory=dict)
    model_state: bytes = b""
    #: sensor -> ``SensorTally.sequence`` of the newest final window that has one
    numbers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Restored:
    """A shard's past, read back from its results: sessions, and offsets already in a result."""

    sessions: Sequence[RestoredSession] = ()
    #: input -> offsets, at or after the committed one, that a published result already used
    done: Mapping[str, Collection[int]] = field(default_factory=dict)
    #: input -> next offset to be read (the committed one)
    committed: Mapping[str, int] = field(default_factory=dict)


class WindowKey(msgspec.Struct, frozen=True, gc=False):
    """Names one window of one shard, or with ``over`` the end of a session."""

    session: str
    start_us: int
    over: bool = False
