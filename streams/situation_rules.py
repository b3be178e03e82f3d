"""Dangerous situations from consecutive results with tracked objects. Pure rules.

Per rule and object, as for other events (``event_rules``):

    absent ──holds──► candidate ──for min_duration──► open ──not for close_after──► absent

Objects are looked at in a frame that moves with the vehicle, x forward and y left; of one in a
frame on the ground nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from schemas.event import Action, change_id
from schemas.object_events import SituationEvent, situation_id
from schemas.objects import TrackedObject
from schemas.remembered import Remembered
from schemas.result import Result
from schemas.situations import HardBrakingAhead, SituationSpec
from schemas.units import iso_to_us, to_us, us_to_iso
from streams.situations import UNITS, Speeds, measure, speed_mps

#: Speeds of one object that are remembered at most; ``over`` is spread over fewer windows.
_MAX_SPEEDS = 64
_DECIMALS = 3
#: All objects of a result are of one moment, and each rule asks for it.
_TIMES = Remembered(iso_to_us)


class Watched(msgspec.Struct, frozen=True, array_like=True):
    """One situation that is a candidate or open. ``told``: the value that it was published with
    last, None for a candidate. ``held_us``: when it held last. ``object``: as of then.
    """

    since_us: int
    held_us: int
    worst: float
    told: float | None
    object: TrackedObject
    result_id: str


#: Rule -> object id -> what is watched.
Watching = dict[str, dict[str, Watched]]
#: Object id -> its latest speeds, (event time in µs, m/s), ascending.
History = dict[str, Speeds]


def step_situations(
    specs: Sequence[SituationSpec],
    watching: Mapping[str, Mapping[str, Watched]],
    history: Mapping[str, Speeds],
    result: Result,
) -> tuple[Watching, History, list[SituationEvent]]:
    """Advance a session's situations by its next final result; returns new states and changes."""
    if result.objects is msgspec.UNSET:
        return {n: dict(each) for n, each in watching.items()}, dict(history), []
    seen = [each for each in result.objects if _is_seen(each)]
    speeds = _remember(specs, history, seen)
    window_us = iso_to_us(result.window.start)
    after: Watching = {}
    changes: list[SituationEvent] = []

    def told(spec: SituationSpec, watched: Watched, action: Action) -> SituationEvent:
        named = (result.pipeline, result.session)
        return _change(spec, watched, action, named, window_us, result.id)

    for spec in specs:
        former, now = dict(watching.get(spec.name, {})), {}
        for found in seen:
            known = former.pop(found.object_id, None)
            value = measure(spec, found, speeds.get(found.object_id, []))
            watched, action = _advance(spec, known, value, found, result)
            if watched is not None:
                now[found.object_id] = watched
            if action is not None and (shown := watched or known) is not None:
                changes.append(told(spec, shown, action))
        lost = [each for each in former.values() if each.told is not None]
        changes.extend(told(spec, each, "closed") for each in lost)
        if now:
            after[spec.name] = now
    return after, speeds, changes


def close_situations(
    specs: Sequence[SituationSpec],
    watching: Mapping[str, Mapping[str, Watched]],
    pipeline: str,
    session: str,
    newest_us: int,
) -> list[SituationEvent]:
    """What ends with its session. ``newest_us``: start of the session's newest window."""
    return [
        _change(spec, watched, "closed", (pipeline, session), newest_us, watched.result_id)
        for spec in specs
        for watched in watching.get(spec.name, {}).values()
        if watched.told is not None
    ]


def _is_seen(found: TrackedObject) -> bool:
    if found.suspended or found.status not in ("confirmed", "coasted"):
        return False
    return found.kinematics is not None and found.kinematics.frame != "odom"


def _remember(
    specs: Sequence[SituationSpec], history: Mapping[str, Speeds], seen: Sequence[TrackedObject]
) -> History:
    """Speeds of the objects that there are, as far back as a rule looks."""
    spans = [to_us(spec.over) for spec in specs if isinstance(spec, HardBrakingAhead)]
    if not spans:
        return {}
    longest_us = max(spans)
    kept: History = {}
    for found in seen:
        at_us = _TIMES[found.valid_at]
        past = [*history.get(found.object_id, []), (at_us, speed_mps(found))]
        # One from before the span is kept: the change over the whole of it is asked for.
        while len(past) > 1 and (past[1][0] <= at_us - longest_us or len(past) > _MAX_SPEEDS):
            past.pop(0)
        kept[found.object_id] = past
    return kept


def _advance(
    spec: SituationSpec,
    known: Watched | None,
    value: float | None,
    found: TrackedObject,
    result: Result,
) -> tuple[Watched | None, Action | None]:
    at_us = _TIMES[found.valid_at]
    if value is None:
        if known is None or known.told is None:
            return None, None
        over = at_us - known.held_us >= to_us(spec.close_after)
        return (None, "closed") if over else (known, None)
    value = round(value, _DECIMALS)
    if known is None:
        known = Watched(at_us, at_us, value, None, found, result.id)
    worse = max if spec.kind == "hard_braking_ahead" else min
    known = msgspec.structs.replace(
        known, held_us=at_us, worst=worse(known.worst, value), object=found, result_id=result.id
    )
    if known.told is None:
        if at_us - known.since_us < to_us(spec.min_duration):
            return known, None
        return msgspec.structs.replace(known, told=value), "opened"
    if round(abs(value - known.told), _DECIMALS) >= spec.update_by:
        return msgspec.structs.replace(known, told=value), "updated"
    return known, None


def _change(
    spec: SituationSpec,
    watched: Watched,
    action: Action,
    named: tuple[str, str],
    window_us: int,
    result_id: str,
) -> SituationEvent:
    pipeline, session = named
    stable = situation_id(pipeline, session, spec.name, watched.object.object_id, watched.since_us)
    return SituationEvent(
        id=change_id(stable, action, window_us),
        event_id=stable,
        action=action,
        pipeline=pipeline,
        session=session,
        name=spec.name,
        kind=spec.kind,
        value=watched.worst if watched.told is None else watched.told,
        worst=watched.worst,
        unit=UNITS[spec.kind],
        since=us_to_iso(watched.since_us),
        until=us_to_iso(watched.held_us),
        object=watched.object,
        result_id=result_id,
    )
