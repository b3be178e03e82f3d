"""Events of tracked objects from consecutive results: opened, updated, closed. Pure rules.

The state is a function of the session's final results in window order, so it can be rebuilt from
the results topic, and a repeated result gives the same changes with the same ids.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from schemas.event import Action
from schemas.object_events import ObjectEvent, object_change_id
from schemas.objects import TrackedObject
from schemas.remembered import Remembered
from schemas.result import Result
from schemas.situations import ObjectsSpec
from schemas.units import iso_to_us, to_us

#: Object id -> the open object as it was told of last.
Open = dict[str, TrackedObject]

_BELIEVED = ("confirmed", "coasted")
_TIMES = Remembered(iso_to_us)


def step_objects(
    spec: ObjectsSpec, told: Mapping[str, TrackedObject], result: Result
) -> tuple[Open, list[ObjectEvent]]:
    """Advance a session's objects by its next final result; returns the new state and changes.

    A result without objects (``UNSET``) says nothing of them: the model failed on its window.
    """
    after = dict(told)
    if result.objects is msgspec.UNSET:
        return after, []
    changes: list[ObjectEvent] = []
    gone = dict(told)
    for found in result.objects:
        if found.status == "closed":
            continue
        former = gone.pop(found.object_id, None)
        if former is None:
            believed = found.status in _BELIEVED and not found.suspended
            if believed and found.existence_probability >= spec.open_at:
                after[found.object_id] = found
                changes.append(_change(result, "opened", found))
        elif _is_news(spec, former, found):
            after[found.object_id] = found
            changes.append(_change(result, "updated", found))
    given_up = {each.object_id: each for each in result.objects if each.status == "closed"}
    for id_, former in gone.items():
        del after[id_]
        changes.append(_change(result, "closed", _closed(given_up.get(id_, former))))
    return after, changes


def close_objects(
    told: Mapping[str, TrackedObject], pipeline: str, session: str, newest_us: int, result_id: str
) -> list[ObjectEvent]:
    """What ends with its session, as it was told of last. ``newest_us``: start of the session's
    newest window, ``result_id``: of its result.
    """
    return [
        ObjectEvent(
            object_change_id(id_, "closed", newest_us),
            "closed",
            pipeline,
            session,
            _closed(former),
            result_id,
        )
        for id_, former in told.items()
    ]


def _is_news(spec: ObjectsSpec, former: TrackedObject, found: TrackedObject) -> bool:
    then, now = former.kinematics, found.kinematics
    if found.label != former.label or (then is None) != (now is None):
        return True
    if then is not None and now is not None:
        turned_rad = abs(math.remainder(now.yaw - then.yaw, math.tau))
        moved_m = math.dist(then.position, now.position)
        if moved_m >= spec.moved_m or turned_rad >= spec.turned_rad:
            return True
    if spec.every is None:
        return False
    return _TIMES[found.valid_at] - _TIMES[former.valid_at] >= to_us(spec.every)


def _closed(known: TrackedObject) -> TrackedObject:
    return msgspec.structs.replace(known, status="closed", sensors=[])


def _change(result: Result, action: Action, found: TrackedObject) -> ObjectEvent:
    return ObjectEvent(
        object_change_id(found.object_id, action, iso_to_us(result.window.start)),
        action,
        result.pipeline,
        result.session,
        found,
        result.id,
    )
