"""Events of tracked objects: opened once believed, updated when moved, closed when given up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from schemas.object_events import ObjectEvent
from schemas.objects import Kinematics, Shape, TrackedObject
from schemas.result import Result, WindowSpan
from schemas.situations import ObjectsSpec
from schemas.units import US_PER_S, us_to_iso
from streams.object_rules import Open, close_objects, step_objects
from tests.schemas.test_contract import RESULT

SPEC = ObjectsSpec(moved_m=1.0, turned_rad=0.3)


def tracked(second: float = 0.0, x: float = 20.0, y: float = 0.0, **changes: Any) -> TrackedObject:
    """A car ahead that stands still relative to the vehicle."""
    moving = {name: changes.pop(name) for name in ("velocity", "yaw", "frame") if name in changes}
    return TrackedObject(
        **{
            "object_id": "car",
            "existence_probability": 0.9,
            "classification": {"car": 0.9, "pedestrian": 0.1},
            "kinematics": Kinematics(
                **{
                    "frame": "base_link",
                    "position": (x, y, 0.0),
                    "velocity": (0.0, 0.0, 0.0),
                    "yaw": 0.0,
                    "covariance": [0.0] * 21,
                    **moving,
                }
            ),
            "shape": Shape(4.0, 2.0, 1.5),
            "status": "confirmed",
            "valid_at": us_to_iso(round(second * US_PER_S)),
            "since": us_to_iso(0),
            "age_ms": second * 1_000,
            "sensors": ["lidar.top"],
            **changes,
        }
    )


def result(second: float, *objects: TrackedObject | None) -> Result:
    """The result of a window of 100 ms; ``None`` alone: the model gave no answer."""
    start_us = round(second * US_PER_S)
    return msgspec.structs.replace(
        RESULT,
        id=f"r{second:g}",
        window=WindowSpan(us_to_iso(start_us), us_to_iso(start_us + 100_000)),
        objects=msgspec.UNSET if objects == (None,) else [each for each in objects if each],
    )


def run(*results: Result, spec: ObjectsSpec = SPEC) -> list[ObjectEvent]:
    told: Open = {}
    changes: list[ObjectEvent] = []
    for each in results:
        told, found = step_objects(spec, told, each)
        changes += found
    return changes


def actions(*results: Result, spec: ObjectsSpec = SPEC) -> list[str]:
    return [change.action for change in run(*results, spec=spec)]


def test_an_object_is_opened_when_it_is_confirmed() -> None:
    assert actions(result(0, tracked(status="tentative")), result(1, tracked(1))) == ["opened"]


def test_an_object_that_hardly_exists_is_not_opened() -> None:
    assert actions(result(0, tracked(existence_probability=0.4))) == []


def test_a_suspended_object_is_not_opened() -> None:
    assert actions(result(0, tracked(suspended=True))) == []


def test_an_object_that_stays_where_it_is_is_told_of_once() -> None:
    assert actions(result(0, tracked()), result(1, tracked(1, 20.4))) == ["opened"]


def test_an_object_is_updated_once_it_moved_far_enough_since_it_was_told_of() -> None:
    moving = [result(t, tracked(t, 20.0 + 0.6 * t)) for t in range(5)]
    assert actions(*moving) == ["opened", "updated", "updated"]


def test_an_object_that_turns_is_updated_across_the_half_turn() -> None:
    before, after = tracked(yaw=3.1), tracked(1, yaw=-3.1)
    assert actions(result(0, before), result(1, after)) == ["opened"]
    assert actions(result(0, before), result(1, tracked(1, yaw=2.7))) == ["opened", "updated"]


def test_an_object_whose_likeliest_class_changes_is_updated() -> None:
    other = tracked(1, classification={"pedestrian": 0.8, "car": 0.2})
    assert actions(result(0, tracked()), result(1, other)) == ["opened", "updated"]


def test_an_object_that_gets_a_place_is_updated() -> None:
    seen = tracked(kinematics=None, shape=None)
    assert actions(result(0, seen), result(1, tracked(1))) == ["opened", "updated"]


def test_an_object_is_updated_every_so_often_where_that_is_asked_for() -> None:
    spec = ObjectsSpec(every=timedelta(seconds=2))
    still = [result(t, tracked(t)) for t in range(5)]
    assert actions(*still, spec=spec) == ["opened", "updated", "updated"]


def test_an_object_that_is_given_up_is_closed_as_it_was_then() -> None:
    changes = run(result(0, tracked()), result(1, tracked(1, 20.3, status="closed")))
    assert [change.action for change in changes] == ["opened", "closed"]
    assert changes[1].object.valid_at == us_to_iso(US_PER_S)


def test_an_object_that_vanishes_is_closed_as_it_was_told_of_last() -> None:
    changes = run(result(0, tracked()), result(1))
    assert [change.action for change in changes] == ["opened", "closed"]
    assert (changes[1].object.status, changes[1].object.valid_at) == ("closed", us_to_iso(0))


def test_a_closed_object_is_not_opened_again() -> None:
    closed = result(1, tracked(1, status="closed"))
    assert actions(result(0, tracked()), closed, result(2)) == ["opened", "closed"]


def test_a_window_without_an_answer_closes_nothing() -> None:
    assert actions(result(0, tracked()), result(1, None), result(2, tracked(2))) == ["opened"]


def test_each_change_has_an_id_of_its_own_and_the_same_after_a_restart() -> None:
    results = [result(t, tracked(t, 20.0 + 2 * t)) for t in range(3)] + [result(3)]
    ids = [change.id for change in run(*results)]
    assert len(set(ids)) == 4
    assert ids == [change.id for change in run(*results)]


def test_a_change_names_the_result_that_caused_it() -> None:
    assert [change.result_id for change in run(result(0, tracked()), result(1))] == ["r0", "r1"]


def test_what_is_open_is_closed_with_its_session() -> None:
    told, _ = step_objects(SPEC, {}, result(0, tracked()))
    (closed,) = close_objects(told, "drive", "v-1", 0, "r0")
    assert (closed.action, closed.object.object_id, closed.session) == ("closed", "car", "v-1")
