"""All events of a session from its consecutive results: of tasks, objects and situations. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from schemas.event import Event
from schemas.object_events import ObjectEvent, SituationEvent
from schemas.objects import TrackedObject
from schemas.pipeline import Pipeline
from schemas.result import Result, result_id
from schemas.units import iso_to_us, to_us
from streams import event_rules
from streams.event_rules import Track
from streams.object_rules import close_objects, step_objects
from streams.situation_rules import Watched, close_situations, step_situations

AnyEvent = Event | ObjectEvent | SituationEvent


class State(msgspec.Struct, frozen=True, array_like=True):
    """Where a session's events stand. ``tracks``: event name -> its track. ``objects``: open ones
    as they were told of last. ``situations``, ``speeds``: see ``situation_rules``. ``newest_us``:
    start of the newest window, as long as there is anything of these four.
    """

    tracks: dict[str, Track] = {}
    objects: dict[str, TrackedObject] = {}
    situations: dict[str, dict[str, Watched]] = {}
    speeds: dict[str, list[tuple[int, float]]] = {}
    newest_us: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is open, a candidate or remembered."""
        return not (self.tracks or self.objects or self.situations or self.speeds)


NOTHING = State()
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)


def encode_state(state: State) -> bytes:
    """The state as stored with the session; empty bytes for nothing at all."""
    return b"" if state == NOTHING else _encoder.encode(state)


def decode_state(stored: bytes) -> State:
    """What ``encode_state`` stored."""
    return _decoder.decode(stored) if stored else NOTHING


def gives_events(pipeline: Pipeline, stored: bytes, result: Result) -> bool:
    """Whether a result may change a session's events, which are ``stored``, at all."""
    return bool(stored or pipeline.events) or result.objects is not msgspec.UNSET


def step(pipeline: Pipeline, state: State, result: Result) -> tuple[State, list[AnyEvent]]:
    """Advance a session's events by its next final result; returns new state and changes."""
    state, lapsed = _without_lapsed(pipeline, state, result)
    tracks, told = event_rules.step(
        pipeline.events, state.tracks, result, pipeline.limits.session_timeout
    )
    objects, changed = step_objects(pipeline.objects, state.objects, result)
    situations, speeds, arisen = step_situations(
        pipeline.situations, state.situations, state.speeds, result
    )
    after = State(tracks, objects, situations, speeds)
    if not after.is_empty:
        after = msgspec.structs.replace(after, newest_us=iso_to_us(result.window.start))
    return after, [*lapsed, *told, *changed, *arisen]


def _without_lapsed(
    pipeline: Pipeline, state: State, result: Result
) -> tuple[State, Sequence[AnyEvent]]:
    """The state that goes on, and what is closed where the window before is so long ago that the
    session would have been over: live and as a backlog, events are the same.
    """
    if state.newest_us is None:
        return state, ()
    start_us, end_us = iso_to_us(result.window.start), iso_to_us(result.window.end)
    silent_us = start_us - (state.newest_us + end_us - start_us)
    if silent_us <= to_us(pipeline.limits.session_timeout):
        return state, ()
    return NOTHING, close_all(pipeline, state, result.session, state.newest_us)


def close_all(pipeline: Pipeline, state: State, session: str, newest_us: int) -> Sequence[AnyEvent]:
    """What ends with its session. ``newest_us``: start of the session's newest window."""
    name = pipeline.pipeline
    newest = result_id(name, session, newest_us, 0)
    return [
        *event_rules.close_all(pipeline.events, state.tracks, name, session, newest_us),
        *close_situations(pipeline.situations, state.situations, name, session, newest_us),
        *close_objects(state.objects, name, session, newest_us, newest),
    ]
