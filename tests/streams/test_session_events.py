"""A silence within a session ends its objects and situations as the end of the session does."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from schemas.pipeline_file import load_pipeline
from schemas.result import Result, WindowSpan, task_result
from schemas.units import US_PER_S, us_to_iso
from schemas.windows import Limits
from streams.session_events import (
    NOTHING,
    AnyEvent,
    State,
    close_all,
    decode_state,
    encode_state,
    gives_events,
    step,
)
from tests.schemas.test_contract import RESULT
from tests.streams.test_object_rules import result, tracked

PIPELINE = load_pipeline("drive").model_copy(
    update={"limits": Limits(session_timeout=timedelta(seconds=60))}
)


def near(second: float) -> Result:
    """A car right ahead, which is an object and a situation."""
    return result(second, tracked(second, x=8.0, velocity=(-10.0, 0.0, 0.0)))


def play(*results: Result, state: State = NOTHING) -> tuple[State, list[AnyEvent]]:
    changes: list[AnyEvent] = []
    for each in results:
        state, found = step(PIPELINE, decode_state(encode_state(state)), each)
        changes += found
    return state, changes


def test_a_backlog_closes_objects_where_silence_would_have_ended_their_session() -> None:
    before = [near(second / 10) for second in range(8)]
    after = [near(61 + second / 10) for second in range(8)]
    state, first = play(*before)
    ended = close_all(PIPELINE, state, before[-1].session, round(0.7 * US_PER_S))
    _, second = play(*after)
    assert {type(each).__name__ for each in ended} == {"ObjectEvent", "SituationEvent"}
    assert play(*before, *after)[1] == [*first, *ended, *second]


def test_a_shorter_silence_leaves_objects_open() -> None:
    _, changes = play(near(0.0), near(60.1))
    assert "closed" not in [each.action for each in changes]


def test_windows_without_an_answer_are_no_silence() -> None:
    failed = [result(second, None) for second in range(1, 120, 20)]
    _, changes = play(near(0.0), *failed, near(120.0))
    assert "closed" not in [each.action for each in changes]


def test_a_window_without_an_answer_is_looked_at_while_anything_is_open() -> None:
    drive = PIPELINE.model_copy(update={"events": ()})
    state, _ = step(drive, NOTHING, near(0.0))
    assert gives_events(drive, encode_state(state), result(1.0, None))
    assert not gives_events(drive, encode_state(NOTHING), result(1.0, None))


def test_state_that_does_not_know_its_newest_window_closes_nothing() -> None:
    state, _ = play(near(0.0))
    older = decode_state(encode_state(State(state.tracks, state.objects, state.situations)))
    _, changes = play(near(1_000.0), state=older)
    assert "closed" not in [each.action for each in changes]


CALL = load_pipeline("call").model_copy(
    update={"limits": Limits(session_timeout=timedelta(seconds=60))}
)


def loud(second: float, probability: float | None) -> Result:
    """A window of 2 s; ``None``: there is no answer."""
    start_us = round(second * US_PER_S)
    tasks = {} if probability is None else {"sentiment": task_result({"negative": probability})}
    return msgspec.structs.replace(
        RESULT,
        id=f"r{second:g}",
        tasks=tasks,
        window=WindowSpan(us_to_iso(start_us), us_to_iso(start_us + 2 * US_PER_S)),
    )


def test_what_closes_after_windows_without_an_answer_is_what_the_session_s_end_closes() -> None:
    state, told = NOTHING, []
    for each in (loud(0, 0.9), loud(2, 0.9), loud(4, None)):
        state, found = step(CALL, decode_state(encode_state(state)), each)
        told += found
    assert [each.action for each in told] == ["opened"]
    ended = close_all(CALL, state, RESULT.session, 4 * US_PER_S)
    _, changes = step(CALL, state, loud(70, 0.1))
    assert changes == ended
    assert [each.action for each in ended] == ["closed"]
