"""Events: what a subscriber acts on, built from consecutive results."""

from __future__ import annotations

import uuid
from typing import Literal

import msgspec

from schemas.errors import WireError
from schemas.result import ID_NAMESPACE

EVENT_TYPES = {
    "opened": "sensorium.event.opened.v1",
    "updated": "sensorium.event.updated.v1",
    "closed": "sensorium.event.closed.v1",
}
Action = Literal["opened", "updated", "closed"]


class Event(msgspec.Struct, frozen=True):
    """One change of one event.

    ``id`` identifies this change (drop repeats by it); ``event_id`` stays the same from opened to
    closed. ``since`` is the start of the first window of the event, ``until`` the end of the
    newest. ``result_id`` is the result that caused this change.
    """

    id: str
    event_id: str
    action: Action
    pipeline: str
    session: str
    name: str
    task: str
    label: str
    probability: float
    peak_probability: float
    since: str
    until: str
    windows: int
    result_id: str


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


def event_id(pipeline: str, session: str, name: str, since_us: int) -> str:
    """Stable id of an event: the same from opened to closed, and after a crash."""
    key = f"event\x1f{pipeline}\x1f{session}\x1f{name}\x1f{since_us}"
    return str(uuid.uuid5(ID_NAMESPACE, key))


def change_id(event: str, action: Action, window_start_us: int) -> str:
    """Id of one change of an event, unique per event, action and window."""
    return str(uuid.uuid5(ID_NAMESPACE, f"change\x1f{event}\x1f{action}\x1f{window_start_us}"))


def encode_event(event: Event) -> bytes:
    """The JSON body of an event."""
    return _encoder.encode(event)


def decode_event(body: bytes) -> Event:
    """Read an event's JSON body. Raises ``WireError`` where it is not one."""
    try:
        return _decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise WireError(f"expected a sensorium.event body, got something else: {error}") from None
