"""Events of tracked objects, and of the situations that they make: ``<pipeline>.events``, too."""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from schemas.errors import WireError
from schemas.event import Action, Event, decode_event
from schemas.objects import TrackedObject
from schemas.result import derived_id

OBJECT_EVENT_TYPES: dict[Action, str] = {
    "opened": "sensorium.object.opened.v1",
    "updated": "sensorium.object.updated.v1",
    "closed": "sensorium.object.closed.v1",
}
SITUATION_EVENT_TYPES: dict[Action, str] = {
    "opened": "sensorium.situation.opened.v1",
    "updated": "sensorium.situation.updated.v1",
    "closed": "sensorium.situation.closed.v1",
}
SituationKind = Literal["time_to_collision", "pedestrian_in_path", "hard_braking_ahead"]


class ObjectEvent(msgspec.Struct, frozen=True):
    """One change of one tracked object.

    ``id`` identifies this change (drop repeats by it); the object's id stays the same from opened
    to closed. In ``closed``, ``object`` is as it was seen last, with status ``closed``.
    ``result_id``: the result that caused this change.
    """

    id: str
    action: Action
    pipeline: str
    session: str
    object: TrackedObject
    result_id: str


class SituationEvent(msgspec.Struct, frozen=True):
    """One change of a situation that a rule of the pipeline file names.

    ``event_id`` stays the same from opened to closed. ``object``: the one that it is about, as of
    this change. ``value``: what the rule measures, in ``unit``: the time to collision (s), the
    distance of the one in the path (m), the braking (m/s²); ``worst``: its most dangerous value
    since ``since``.
    """

    id: str
    event_id: str
    action: Action
    pipeline: str
    session: str
    name: str
    kind: SituationKind
    value: float
    worst: float
    unit: Literal["s", "m", "m/s²"]
    since: str
    until: str
    object: TrackedObject
    result_id: str


T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_object_events = msgspec.json.Decoder(ObjectEvent)
_situation_events = msgspec.json.Decoder(SituationEvent)


def object_id(pipeline: str, session: str, since_us: int, number: int) -> str:
    """The id of a tracked object: a function of its session, of when it was first seen, and of its
    track's number, which may begin anew where a session comes back.

    >>> object_id("drive", "car-7", 0, 1) == object_id("drive", "car-7", 0, 1)
    True
    """
    return derived_id(f"object\x1f{pipeline}\x1f{session}\x1f{since_us}\x1f{number}")


def object_change_id(object_id: str, action: Action, window_start_us: int) -> str:
    """The id of one change of an object, unique per object, action and window."""
    return derived_id(f"object change\x1f{object_id}\x1f{action}\x1f{window_start_us}")


def situation_id(pipeline: str, session: str, name: str, object_id: str, since_us: int) -> str:
    """The id of a situation: the same from opened to closed, and after a crash."""
    return derived_id(
        f"situation\x1f{pipeline}\x1f{session}\x1f{name}\x1f{object_id}\x1f{since_us}"
    )


def encode_any_event(event: Event | ObjectEvent | SituationEvent) -> bytes:
    """The JSON body of an event of any kind."""
    return _encoder.encode(event)


def decode_any_event(type_: str, body: bytes) -> Event | ObjectEvent | SituationEvent:
    """Read the body of an event of any kind by its CloudEvents type; one that is not known is taken
    for an event of a task. Raises ``WireError`` where the body is not what the type says.
    """
    if type_ in OBJECT_EVENT_TYPES.values():
        return _read(_object_events, body, "sensorium.object")
    if type_ in SITUATION_EVENT_TYPES.values():
        return _read(_situation_events, body, "sensorium.situation")
    return decode_event(body)


def _read(decoder: msgspec.json.Decoder[T], body: bytes, what: str) -> T:
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise WireError(f"expected a {what} body, got something else: {error}") from None
