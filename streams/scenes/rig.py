"""Sensors on a session's world, merged into one ascending stream of samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import merge
from typing import NamedTuple, Protocol

import numpy as np

from schemas.units import US_PER_S
from streams.errors import FeedError
from streams.feed.item import FeedItem
from streams.scenes.degrade import Degradation, degrade
from streams.scenes.seeds import stable_rng

JSON = "application/json"
JPEG = "image/jpeg"
PCM = "audio/pcm;rate=16000;channels=1;format=s16le"
POINTS = "application/vnd.sensorium.points;fields=xyzi;dtype=f32le"
PLAIN_TEXT = "text/plain;charset=utf-8"


class Slot(NamedTuple):
    """When one sample is sensed and handed over: true microseconds since the scene's start."""

    start_us: int
    end_us: int
    due_us: int


@dataclass(frozen=True, slots=True)
class Track:
    """One sensor of one session: when its samples are, and how each is rendered.

    ``slot`` and ``render`` take the sample's index, 0 up to ``count``; slots ascend in ``due_us``.
    ``render`` depends on nothing but the world, the index and the generator it is given, so
    samples that are lost are never rendered and the rest do not change by it.
    """

    input: str
    sensor: str
    content_type: str
    count: int
    slot: Callable[[int], Slot]
    render: Callable[[int, np.random.Generator], bytes]


class World(Protocol):
    """One session's truth and the sensors that observe it."""

    @property
    def tracks(self) -> Sequence[Track]:
        """The session's sensors."""

    def labels(self, start_s: float, end_s: float) -> Mapping[str, str]:
        """True label per task over seconds since the scene's start, as in ``Scene.labels``."""


class SimulatedScene:
    """Sessions whose worlds are built when first needed. Implements ``streams.scenes.base.Scene``.

    ``build`` makes one session's world from its name. Truth is independent of degradation.
    """

    def __init__(
        self,
        sessions: Sequence[str],
        build: Callable[[str], World],
        *,
        seed: int,
        start_us: int,
        duration_us: int,
        degradation: Degradation,
    ) -> None:
        self._sessions = tuple(sessions)
        self._build = build
        self._worlds: dict[str, World] = {}
        self._seed = seed
        self._start_us = start_us
        self._duration_us = duration_us
        self._degradation = degradation

    @property
    def sessions(self) -> tuple[str, ...]:
        """The session keys."""
        return self._sessions

    def items(self) -> Iterator[FeedItem]:
        """Every sample that survives, in ascending ``due_us``; lazy, the same at each call."""
        return merge(*self._streams(rendered=True), key=_due_us)

    def schedule(self) -> Iterator[FeedItem]:
        """``items`` with empty payloads: the same samples at the same times, nothing rendered."""
        return merge(*self._streams(rendered=False), key=_due_us)

    def sample_counts(self) -> dict[tuple[str, str], int]:
        """(session, sensor) -> samples sensed, lost ones included: their sequences are 0 up."""
        return {
            (session, track.sensor): track.count
            for session in self._sessions
            for track in self._world(session).tracks
        }

    def labels(self, session: str, start_us: int, end_us: int) -> Mapping[str, str]:
        """True label per task for an event-time span [start, end), by the true clock.

        Empty for a span that is not wholly inside the recording. Raises ``FeedError`` for a
        session that the scene does not have.
        """
        start, end = start_us - self._start_us, end_us - self._start_us
        world = self._world(session)
        if start < 0 or end > self._duration_us:
            return {}
        return world.labels(start / US_PER_S, end / US_PER_S)

    def _world(self, session: str) -> World:
        if session not in self._worlds:
            if session not in self._sessions:
                raise FeedError(
                    f"session {session!r}: expected one of this scene's {len(self._sessions)} "
                    f"sessions, {self._sessions[0]!r} to {self._sessions[-1]!r}"
                )
            self._worlds[session] = self._build(session)
        return self._worlds[session]

    def _streams(self, *, rendered: bool) -> list[Iterator[FeedItem]]:
        return [
            self._stream(session, track, rendered)
            for session in self._sessions
            for track in self._world(session).tracks
        ]

    def _stream(self, session: str, track: Track, rendered: bool) -> Iterator[FeedItem]:
        # One sensor at a time: what is held back for reordering then spans its jitter only.
        faults = Degradation(everywhere=self._degradation.of(track.sensor))
        raw = (self._empty_item(session, track, index) for index in range(track.count))
        for item in degrade(raw, faults, seed=self._seed, start_us=self._start_us):
            if rendered:
                rng = stable_rng(self._seed, session, track.sensor, item.sequence)
                yield replace(item, payload=track.render(item.sequence, rng))
            else:
                yield item

    def _empty_item(self, session: str, track: Track, index: int) -> FeedItem:
        slot = track.slot(index)
        return FeedItem(
            session=session,
            input=track.input,
            sensor=track.sensor,
            start_us=self._start_us + slot.start_us,
            end_us=self._start_us + slot.end_us,
            content_type=track.content_type,
            payload=b"",
            sequence=index,
            due_us=self._start_us + slot.due_us,
        )


def _due_us(item: FeedItem) -> int:
    return item.due_us


@dataclass(frozen=True, slots=True)
class Clockwork:
    """Regular sampling: sample i begins at ``phase_us + i * period_us``.

    A ``chunked`` sensor's sample lasts one period and is handed over after its end; any other's is
    an instant. ``delay_us`` is the way from the sensor to the producer.
    """

    period_us: int
    phase_us: int
    delay_us: int
    chunked: bool = False

    def slot(self, index: int) -> Slot:
        """When sample ``index`` is."""
        start = self.phase_us + index * self.period_us
        end = start + (self.period_us if self.chunked else 0)
        return Slot(start, end, end + self.delay_us)

    def count(self, duration_us: int) -> int:
        """Samples that end within the duration."""
        room = duration_us - self.phase_us - (self.period_us if self.chunked else 1)
        return max(0, room // self.period_us + 1)


def start_phase_us(seed: int, session: str, sensor: str, period_us: int) -> int:
    """A sensor's own phase in [0, period), so that no two sensors tick together."""
    return int(stable_rng(seed, session, sensor, "phase").integers(0, period_us))
