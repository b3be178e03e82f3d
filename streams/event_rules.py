"""Events from consecutive results: hysteresis, minimum duration, stable ids. Pure rules.

An event of one kind is, per session, in one of three states:

    absent ──p >= open_at──► candidate ──held for min_duration──► open ──p < close_at──► absent
                 ▲                │
                 └──p < open_at───┘

A track of which no result told anything for so long that its session would have been over, had
there been no windows either, is closed, or forgotten, as of then: it must not go on over hours of
which nothing is known. What a silence of the whole session closes is in ``session_events``.

The state is a function of the session's final results in window order, so it can be rebuilt from
the results topic, and a repeated result gives the same changes with the same ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from schemas.event import Action, Event, change_id, event_id
from schemas.pipeline import EventSpec
from schemas.result import Result
from schemas.units import iso_to_us, to_us, us_to_iso


class Track(msgspec.Struct, frozen=True, array_like=True):
    """One event of a session that is a candidate or open. ``published`` is 0.0 for a candidate.
    ``result_id``: the final result of its newest window.
    """

    since_us: int
    until_us: int
    windows: int
    peak: float
    published: float
    result_id: str

    @property
    def is_open(self) -> bool:
        return self.published > 0.0


#: Event name -> its track; a name that is absent has none.
State = dict[str, Track]

#: Published probabilities have four decimals; a difference of two is not exact in binary.
_DECIMALS = 6


def step(
    specs: Sequence[EventSpec],
    state: State,
    result: Result,
    session_timeout: timedelta = timedelta.max,
) -> tuple[State, list[Event]]:
    """Advance a session's events by its next final result; returns new state and changes."""
    tracks, changes = _without_lapsed(specs, state, result, session_timeout)
    for spec in specs:
        task = result.tasks.get(spec.task)
        if task is None or spec.label not in task.probabilities:
            continue
        track, action = _advance(
            spec, tracks.get(spec.name), task.probabilities[spec.label], result
        )
        if action is not None:
            shown = track or tracks[spec.name]
            changes.append(_change(spec, shown, action, task.probabilities[spec.label], result))
        if track is None:
            tracks.pop(spec.name, None)
        else:
            tracks[spec.name] = track
    return tracks, changes


def _without_lapsed(
    specs: Sequence[EventSpec], state: State, result: Result, session_timeout: timedelta
) -> tuple[State, list[Event]]:
    """The tracks that go on, and what closes the others."""
    start_us = iso_to_us(result.window.start)
    lapsed = {
        name: track
        for name, track in state.items()
        if start_us - track.until_us > to_us(session_timeout)
    }
    if not lapsed:
        return dict(state), []
    size_us = iso_to_us(result.window.end) - start_us
    changes: list[Event] = []
    for name, track in lapsed.items():
        newest_us = track.until_us - size_us
        changes += close_all(specs, {name: track}, result.pipeline, result.session, newest_us)
    return {name: track for name, track in state.items() if name not in lapsed}, changes


def close_all(
    specs: Sequence[EventSpec], state: State, pipeline: str, session: str, newest_us: int
) -> list[Event]:
    """What ends with its session: every open event is closed, at the probability that it was
    published with last. ``newest_us``: start of the session's newest window.
    """
    changes: list[Event] = []
    for spec in specs:
        track = state.get(spec.name)
        if track is not None and track.is_open:
            stable = event_id(pipeline, session, spec.name, track.since_us)
            changes.append(
                Event(
                    id=change_id(stable, "closed", newest_us),
                    event_id=stable,
                    action="closed",
                    pipeline=pipeline,
                    session=session,
                    name=spec.name,
                    task=spec.task,
                    label=spec.label,
                    probability=track.published,
                    peak_probability=track.peak,
                    since=us_to_iso(track.since_us),
                    until=us_to_iso(track.until_us),
                    windows=track.windows,
                    result_id=track.result_id,
                )
            )
    return changes


def _advance(
    spec: EventSpec, track: Track | None, probability: float, result: Result
) -> tuple[Track | None, Action | None]:
    held = probability >= (spec.close_at if track and track.is_open else spec.open_at)
    if not held:
        return None, "closed" if track and track.is_open else None
    until_us = iso_to_us(result.window.end)
    if track is None:
        track = Track(iso_to_us(result.window.start), until_us, 0, 0.0, 0.0, result.id)
    track = msgspec.structs.replace(
        track,
        until_us=until_us,
        windows=track.windows + 1,
        peak=max(track.peak, probability),
        result_id=result.id,
    )
    if not track.is_open:
        if until_us - track.since_us < to_us(spec.min_duration):
            return track, None
        return msgspec.structs.replace(track, published=probability), "opened"
    if round(abs(probability - track.published), _DECIMALS) >= spec.update_delta:
        return msgspec.structs.replace(track, published=probability), "updated"
    return track, None


def _change(
    spec: EventSpec, track: Track, action: Action, probability: float, result: Result
) -> Event:
    stable = event_id(result.pipeline, result.session, spec.name, track.since_us)
    return Event(
        id=change_id(stable, action, iso_to_us(result.window.start)),
        event_id=stable,
        action=action,
        pipeline=result.pipeline,
        session=result.session,
        name=spec.name,
        task=spec.task,
        label=spec.label,
        probability=probability,
        peak_probability=track.peak,
        since=us_to_iso(track.since_us),
        until=us_to_iso(track.until_us),
        windows=track.windows,
        result_id=result.id,
    )
