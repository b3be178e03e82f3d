"""Dangerous situations: who is about to be hit, who is in the way, who brakes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter

from schemas.object_events import SituationEvent
from schemas.objects import TrackedObject
from schemas.pipeline_file import load_pipeline
from schemas.result import Result
from schemas.situations import SituationSpec
from streams import session_events
from streams.session_events import NOTHING, close_all, decode_state, encode_state
from streams.situation_rules import History, Watching, step_situations
from tests.streams.test_object_rules import result, tracked

_SPECS: TypeAdapter[SituationSpec] = TypeAdapter(SituationSpec)
TTC: dict[str, Any] = {"name": "collision", "kind": "time_to_collision", "below": "2s"}
PATH: dict[str, Any] = {"name": "person", "kind": "pedestrian_in_path", "within_m": 20.0}
BRAKE: dict[str, Any] = {"name": "braking", "kind": "hard_braking_ahead", "over": "500ms"}


def run(spec: dict[str, Any], *results: Result) -> list[SituationEvent]:
    watching: Watching = {}
    history: History = {}
    changes: list[SituationEvent] = []
    for each in results:
        watching, history, found = step_situations(
            [_SPECS.validate_python(spec)], watching, history, each
        )
        changes += found
    return changes


def values(spec: dict[str, Any], *objects: TrackedObject) -> list[tuple[str, float]]:
    changes = run(spec, *(result(n / 10, each) for n, each in enumerate(objects)))
    return [(change.action, change.value) for change in changes]


def person(x: float, y: float, vy: float = 0.0) -> TrackedObject:
    return tracked(0, x, y, velocity=(0.0, vy, 0.0), classification={"pedestrian": 1.0})


def test_time_to_collision_is_the_gap_over_the_speed_at_which_it_closes() -> None:
    # The car's rear is 18 m away, and 10 m/s faster than we would like.
    assert values(TTC, tracked(0, 20.0, velocity=(-10.0, 0.0, 0.0))) == [("opened", 1.8)]


def test_the_vehicle_s_own_length_is_taken_from_the_gap() -> None:
    spec = TTC | {"length_m": 3.0}
    assert values(spec, tracked(0, 20.0, velocity=(-10.0, 0.0, 0.0))) == [("opened", 1.5)]


def test_what_is_reached_later_than_the_bound_is_no_situation() -> None:
    assert values(TTC, tracked(0, 30.0, velocity=(-10.0, 0.0, 0.0))) == []


def test_what_drives_away_is_never_reached() -> None:
    assert values(TTC, tracked(0, 5.0, velocity=(1.0, 0.0, 0.0))) == []


def test_what_will_have_left_the_path_is_not_reached() -> None:
    assert values(TTC, tracked(0, 20.0, velocity=(-10.0, 3.0, 0.0))) == []


def test_what_comes_into_the_path_by_then_is_reached() -> None:
    assert values(TTC, tracked(0, 20.0, -5.0, velocity=(-10.0, 2.5, 0.0))) == [("opened", 1.8)]


def test_what_hardly_exists_is_no_situation() -> None:
    ghost = tracked(0, 10.0, velocity=(-10.0, 0.0, 0.0), existence_probability=0.3)
    assert values(TTC, ghost) == []


def test_what_is_not_sure_any_more_is_no_situation() -> None:
    assert values(TTC, tracked(0, 10.0, velocity=(-10.0, 0.0, 0.0), suspended=True)) == []


def test_of_what_has_no_place_nothing_is_said() -> None:
    assert values(TTC, tracked(kinematics=None, shape=None)) == []


def test_of_objects_in_a_frame_on_the_ground_nothing_is_said() -> None:
    assert values(TTC, tracked(0, 10.0, velocity=(-10.0, 0.0, 0.0), frame="odom")) == []


def test_a_person_in_the_path_is_told_of_with_the_distance() -> None:
    assert values(PATH, person(12.0, 0.5)) == [("opened", 12.0)]


def test_a_person_who_will_step_into_the_path_is_told_of() -> None:
    assert values(PATH, person(12.0, 4.0, vy=-2.0)) == [("opened", 12.0)]


def test_a_person_beside_the_path_is_not_in_it() -> None:
    assert values(PATH, person(12.0, 4.0)) == []


def test_a_person_who_crosses_the_whole_path_within_a_second_is_in_it() -> None:
    assert values(PATH, person(12.0, 4.0, vy=-9.0)) == [("opened", 12.0)]


def test_a_car_in_the_path_is_no_person() -> None:
    assert values(PATH, tracked(0, 12.0)) == []


def braking(*speeds: float) -> list[TrackedObject]:
    return [tracked(n / 10, 20.0, velocity=(speed, 0.0, 0.0)) for n, speed in enumerate(speeds)]


def test_braking_is_the_speed_lost_over_the_time_that_is_asked_for() -> None:
    assert values(BRAKE, *braking(0.0, -0.5, -1.0, -1.5, -2.0, -2.5)) == [("opened", 5.0)]


def test_gentle_braking_is_no_situation() -> None:
    assert values(BRAKE, *braking(0.0, -0.1, -0.2, -0.3, -0.4, -0.5, -0.6)) == []


def test_braking_is_not_judged_before_the_object_was_seen_for_long_enough() -> None:
    assert values(BRAKE, *braking(0.0, -4.0)) == []


def moving(*gaps: float) -> list[Result]:
    """A car that is closed on at 10 m/s, at these distances, every 100 ms."""
    return [
        result(n / 10, tracked(n / 10, gap + 2.0, velocity=(-10.0, 0.0, 0.0)))
        for n, gap in enumerate(gaps)
    ]


def test_a_situation_is_told_of_once_it_held_for_its_minimum_duration() -> None:
    spec = TTC | {"min_duration": "200ms", "update_by": 9.0}
    changes = run(spec, *moving(19, 18, 17, 16))
    assert [(each.action, each.value, each.worst) for each in changes] == [("opened", 1.7, 1.7)]


def test_a_situation_is_updated_when_its_value_moved_far_enough() -> None:
    changes = run(TTC, *moving(19, 16, 13, 10))
    assert [(each.action, each.value) for each in changes] == [
        ("opened", 1.9),
        ("updated", 1.3),
    ]


def test_a_situation_that_pauses_for_less_than_close_after_goes_on() -> None:
    changes = run(TTC | {"update_by": 9.0}, *moving(19, 25, 25, 19))
    assert [each.action for each in changes] == ["opened"]


def test_a_situation_that_does_not_hold_for_close_after_is_closed() -> None:
    changes = run(TTC, *moving(15, 25, 25, 25, 25))
    assert [each.action for each in changes] == ["opened", "closed"]
    assert changes[1].event_id == changes[0].event_id
    assert changes[1].until == changes[0].until


def test_a_situation_ends_with_its_object() -> None:
    assert [each.action for each in run(TTC, *moving(15), result(0.1))] == ["opened", "closed"]


def test_a_window_without_an_answer_changes_nothing() -> None:
    assert [each.action for each in run(TTC, *moving(15), result(0.1, None))] == ["opened"]


def test_the_worst_value_is_kept() -> None:
    changes = run(TTC, *moving(15, 10, 25, 25, 25, 25))
    assert [each.worst for each in changes] == [1.5, 1.0, 1.0]


def test_situations_and_objects_are_the_same_after_their_state_was_kept() -> None:
    pipeline = load_pipeline("drive")
    results = [*moving(20, 15, 10, 9, 30, 30), result(0.6), *moving(12, 8)]
    kept, straight = NOTHING, NOTHING
    for each in results:
        kept, changes = session_events.step(pipeline, decode_state(encode_state(kept)), each)
        straight, expected = session_events.step(pipeline, straight, each)
        assert changes == expected


def test_an_open_situation_is_closed_with_its_session() -> None:
    pipeline = load_pipeline("drive")
    state, opened = session_events.step(pipeline, NOTHING, moving(15)[0])
    closed = close_all(pipeline, state, "v-1", 0)
    assert [(type(each), each.action) for each in closed] == [
        (type(each), "closed") for each in reversed(opened)
    ]


def test_state_of_nothing_takes_no_bytes() -> None:
    assert encode_state(NOTHING) == b""


def test_speeds_are_remembered_for_no_longer_than_a_rule_looks_back() -> None:
    spec = _SPECS.validate_python(BRAKE)
    history: History = {}
    for each in (result(n / 10, one) for n, one in enumerate(braking(*[0.0] * 30))):
        _, history, _ = step_situations([spec], {}, history, each)
    assert len(history["car"]) == spec_over_windows(timedelta(milliseconds=500))


def spec_over_windows(over: timedelta) -> int:
    """Windows of 100 ms that are needed to look back so far, both ends included."""
    return over // timedelta(milliseconds=100) + 1
