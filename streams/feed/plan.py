"""A feed as a plan: which tracks are played as which sensors, in which sessions, and when."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schemas.pipeline import Pipeline
from schemas.units import MAX_EVENT_TIME_US, iso_to_us
from streams.errors import FeedError
from streams.feed.item import FeedItem
from streams.feed.sources import Placement, parse_source, place
from streams.feed.track import ReadOptions

#: Each session that starts apart from the others holds its files open for itself.
MAX_APART = 200
MAX_SESSIONS = 10_000


@dataclass(frozen=True, slots=True)
class FeedPlan:
    """What is going to be fed.

    ``shifts_us``: per placement, what is added to its track's times. ``apart_us``: by how much
    each session is later than the one before. ``first_us``: earliest event time.
    """

    placements: tuple[Placement, ...]
    shifts_us: tuple[int, ...]
    sessions: tuple[str, ...]
    apart_us: int
    first_us: int

    @property
    def count(self) -> int | None:
        """Samples of all sessions, ``None`` where a file does not tell; an estimate for videos."""
        counts = [placed.track.count for placed in self.placements]
        known = [count for count in counts if count is not None]
        return sum(known) * len(self.sessions) if len(known) == len(counts) else None

    def items(self) -> Iterator[FeedItem]:
        """Every sample in ascending ``due_us``, read as it is asked for; the same at each call.

        A frame is due at its time, a chunk or segment when it ends. Sessions that play at the
        same time share one reading of the files. Raises ``FeedError`` where a file is broken.
        """
        if self.apart_us:
            streams = [
                self._session(name, index * self.apart_us)
                for index, name in enumerate(self.sessions)
            ]
            yield from heapq.merge(*streams, key=_due)
            return
        first, *others = self.sessions
        for item in self._session(first, 0):
            yield item
            for other in others:
                yield FeedItem(
                    other,
                    item.input,
                    item.sensor,
                    item.start_us,
                    item.end_us,
                    item.content_type,
                    item.payload,
                    item.sequence,
                    item.due_us,
                )

    def _session(self, session: str, late_us: int) -> Iterator[FeedItem]:
        return heapq.merge(
            *(
                _play_track(placed, session, shift_us + late_us)
                for placed, shift_us in zip(self.placements, self.shifts_us, strict=True)
            ),
            key=_due,
        )


def _due(item: FeedItem) -> int:
    return item.due_us


def _play_track(placed: Placement, session: str, shift_us: int) -> Iterator[FeedItem]:
    due_us = 0
    try:
        for sequence, reading in enumerate(placed.track.read()):
            end_us = reading.end_us + shift_us
            # A file's order is the order of arrival; a time that goes back arrives no earlier.
            due_us = max(due_us, end_us)
            yield FeedItem(
                session,
                placed.input,
                placed.sensor,
                reading.start_us + shift_us,
                end_us,
                reading.content_type,
                reading.payload,
                sequence,
                due_us,
            )
    except OSError as error:
        raise FeedError(
            f"{error.filename or placed.track.path}: expected a readable file, got "
            f"{error.strerror or error}; check the path"
        ) from None


def session_names(name: str, count: int) -> tuple[str, ...]:
    """``name`` alone, or ``name-0001`` and so on.

    >>> session_names("car", 2)
    ('car-0001', 'car-0002')
    """
    if not 1 <= count <= MAX_SESSIONS:
        raise FeedError(f"sessions: expected 1 to {MAX_SESSIONS}, got {count}; choose fewer")
    encoded = name.encode()
    if not name.isprintable() or not 1 <= len(encoded) <= 120:
        raise FeedError(
            f"session: expected 1 to 120 printable bytes, got {len(encoded)}; choose another name"
        )
    return (name,) if count == 1 else tuple(f"{name}-{index:04d}" for index in range(1, count + 1))


def _shifts(placements: Sequence[Placement], start: str, now_us: int) -> list[int]:
    """What to add to each track's times.

    Within the recording, zero of the relative clocks is the earliest time of the absolute ones.
    """
    tracks = [placed.track for placed in placements]
    if start == "recorded":
        for track in tracks:
            if track.clock == "relative":
                raise FeedError(
                    f"{track.path}: expected absolute times for start 'recorded', got relative "
                    "ones; start 'now' or at a time"
                )
        return [0] * len(tracks)
    if start == "now":
        begin_us = now_us
    else:
        try:
            begin_us = iso_to_us(start)
        except ValueError:
            raise FeedError(
                "start: expected 'now', 'recorded' or an RFC 3339 time with its offset "
                f"(2026-01-31T08:00:00Z), got {start[:40]!r}; correct it"
            ) from None
    zero_us = min((track.first_us for track in tracks if track.clock == "epoch"), default=0)
    zeros = [zero_us if track.clock == "epoch" else 0 for track in tracks]
    earliest_us = min(track.first_us - zero for track, zero in zip(tracks, zeros, strict=True))
    return [begin_us - earliest_us - zero for zero in zeros]


def plan_feed(
    sources: Sequence[str],
    pipeline: Pipeline,
    *,
    now_us: int,
    session: str = "feed",
    sessions: int = 1,
    apart_us: int = 0,
    start: str = "now",
    options: ReadOptions | None = None,
) -> FeedPlan:
    """Plan a feed of recordings into one pipeline.

    ``sources``: each ``[input[/sensor]=]PATH``. ``start``: ``now`` puts the earliest event time of
    the recording at ``now_us``, an RFC 3339 time puts it there, ``recorded`` leaves the absolute
    times of the files. Times of one session keep their distances either way. ``apart_us``: how
    much later each further session plays the same.

    Raises ``FeedError``; see ``streams.feed.sources.place``.
    """
    names = session_names(session, sessions)
    if apart_us < 0 or (apart_us and sessions > MAX_APART):
        raise FeedError(
            f"expected sessions apart by 0 or more, at most {MAX_APART} of them, got {sessions} "
            f"apart by {apart_us / 1e6:g} s; play fewer or all at once"
        )
    placements = place([parse_source(text) for text in sources], pipeline, options or ReadOptions())
    shifts_us = _shifts(placements, start, now_us)
    first_us = min(
        placed.track.first_us + shift for placed, shift in zip(placements, shifts_us, strict=True)
    )
    if not 0 <= first_us <= MAX_EVENT_TIME_US:
        raise FeedError(f"start: expected a time from 1970 to 2255, got {start!r}; choose another")
    return FeedPlan(tuple(placements), tuple(shifts_us), names, apart_us, first_us)
