"""Events from results: hysteresis, minimum duration, stable ids, the same after a restart."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.event import Event
from schemas.pipeline import EventSpec
from schemas.pipeline_file import load_pipeline
from schemas.result import Result, TaskResult, WindowSpan
from schemas.units import US_PER_S, us_to_iso
from schemas.windows import Limits
from streams import session_events
from streams.event_rules import State, close_all, step
from tests.schemas.test_contract import RESULT

SPEC = EventSpec(name="alarm", task="t", label="on", open_at=0.7, close_at=0.4)


def window(second: int, probability: float) -> Result:
    """The result of a one-second window."""
    return Result(
        **{
            **{name: getattr(RESULT, name) for name in RESULT.__struct_fields__},
            "id": f"r{second}",
            "window": WindowSpan(us_to_iso(second * US_PER_S), us_to_iso((second + 1) * US_PER_S)),
            "tasks": {"t": TaskResult("on", {"on": probability, "off": 1 - probability})},
        }
    )


def stored(state: State) -> State:
    """The state as it comes back from where it was kept."""
    kept = session_events.encode_state(session_events.State(state))
    return session_events.decode_state(kept).tracks


def run(probabilities: list[float], spec: EventSpec = SPEC) -> list[Event]:
    state: State = {}
    events: list[Event] = []
    for second, probability in enumerate(probabilities):
        state, changes = step([spec], state, window(second, probability))
        events += changes
    return events


def actions(probabilities: list[float], spec: EventSpec = SPEC) -> list[str]:
    return [event.action for event in run(probabilities, spec)]


def test_an_event_opens_at_its_threshold_and_closes_below_the_lower_one() -> None:
    assert actions([0.1, 0.7, 0.5, 0.39]) == ["opened", "updated", "closed"]


def test_between_the_thresholds_nothing_opens() -> None:
    assert actions([0.6, 0.69, 0.5]) == []


def test_between_the_thresholds_an_open_event_stays_open() -> None:
    assert actions([0.7, 0.65, 0.6, 0.55]) == ["opened"]


def test_an_event_opens_only_once_held_for_its_minimum_duration() -> None:
    spec = SPEC.model_copy(update={"min_duration": timedelta(seconds=3)})
    opened = run([0.9, 0.9, 0.9, 0.9], spec)
    assert [(event.action, event.until) for event in opened] == [
        ("opened", us_to_iso(3 * US_PER_S))
    ]


def test_a_blip_shorter_than_the_minimum_duration_leaves_no_trace() -> None:
    spec = SPEC.model_copy(update={"min_duration": timedelta(seconds=3)})
    assert actions([0.9, 0.9, 0.6, 0.9, 0.9], spec) == []


def test_the_id_stays_the_same_from_opened_to_closed() -> None:
    assert len({event.event_id for event in run([0.8, 0.99, 0.1])}) == 1


def test_a_second_event_of_the_same_kind_has_another_id() -> None:
    opened = [event for event in run([0.8, 0.1, 0.8]) if event.action == "opened"]
    assert len({event.event_id for event in opened}) == 2


def test_a_closed_event_ends_with_its_last_held_window() -> None:
    assert run([0.8, 0.8, 0.1])[-1].until == us_to_iso(2 * US_PER_S)


def test_the_peak_is_remembered() -> None:
    assert run([0.8, 0.95, 0.1])[-1].peak_probability == 0.95


def test_a_result_without_the_task_changes_nothing() -> None:
    other = SPEC.model_copy(update={"task": "unknown"})
    assert actions([0.9, 0.1], other) == []


@given(st.lists(st.floats(0, 1), max_size=20), st.integers(0, 20))
def test_a_worker_that_takes_over_goes_on_as_if_nothing_had_happened(
    probabilities: list[float], stop: int
) -> None:
    state: State = {}
    events: list[Event] = []
    for second, probability in enumerate(probabilities):
        if second == stop:
            state = stored(state)
        state, changes = step([SPEC], state, window(second, probability))
        events += changes
    assert events == run(probabilities)


@given(st.lists(st.floats(0, 1), max_size=30))
def test_every_change_has_its_own_id(probabilities: list[float]) -> None:
    ids = [event.id for event in run(probabilities)]
    assert len(set(ids)) == len(ids)


@given(st.lists(st.floats(0, 1), max_size=30))
def test_opened_and_closed_alternate(probabilities: list[float]) -> None:
    edges = [action for action in actions(probabilities) if action != "updated"]
    assert edges == ["opened", "closed"] * (len(edges) // 2) + ["opened"] * (len(edges) % 2)


# -- the end of a session ------------------------------------------------------------------------


def end_after(probabilities: list[float], *specs: EventSpec) -> tuple[list[Event], list[Event]]:
    """Changes up to the last window, and what the end of the session after it adds."""
    state: State = {}
    events: list[Event] = []
    for second, probability in enumerate(probabilities):
        state, changes = step(specs, state, window(second, probability))
        events += changes
    newest_us = (len(probabilities) - 1) * US_PER_S
    state = stored(state)
    return events, close_all(specs, state, RESULT.pipeline, RESULT.session, newest_us)


def test_an_open_event_is_closed_with_its_session() -> None:
    (opened,), (closed,) = end_after([0.1, 0.8, 0.8], SPEC)
    assert (closed.action, closed.event_id) == ("closed", opened.event_id)
    assert (closed.since, closed.until) == (us_to_iso(US_PER_S), us_to_iso(3 * US_PER_S))
    assert closed.windows == 2


def test_an_event_closed_with_its_session_has_what_was_published_last_and_its_peak() -> None:
    _, (closed,) = end_after([0.8, 0.95, 0.75], SPEC)
    assert (closed.probability, closed.peak_probability) == (0.8, 0.95)


def test_an_event_closed_with_its_session_names_the_session_s_last_result() -> None:
    _, (closed,) = end_after([0.8, 0.8], SPEC)
    assert closed.result_id == "r1"


def test_what_was_only_a_candidate_ends_without_a_word() -> None:
    slow = SPEC.model_copy(update={"min_duration": timedelta(seconds=3)})
    assert end_after([0.9, 0.9], slow) == ([], [])


def test_what_was_closed_already_is_not_closed_again() -> None:
    assert end_after([0.9, 0.1], SPEC)[1] == []


def test_an_event_that_the_pipeline_file_no_longer_names_is_let_go() -> None:
    _, (closed,) = end_after([0.9], SPEC)
    state, _ = step([SPEC], {}, window(0, 0.9))
    assert closed.name == "alarm"
    assert close_all([], state, RESULT.pipeline, RESULT.session, 0) == []


def test_every_open_event_of_the_session_is_closed() -> None:
    other = SPEC.model_copy(update={"name": "warning", "open_at": 0.6})
    _, closed = end_after([0.9], SPEC, other)
    assert [event.name for event in closed] == ["alarm", "warning"]
    assert len({event.id for event in closed} | {event.event_id for event in closed}) == 4


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_with_its_session_s_end_every_opened_event_is_closed_once(
    probabilities: list[float],
) -> None:
    events, closed = end_after(probabilities, SPEC)
    edges = [event.action for event in (*events, *closed) if event.action != "updated"]
    assert edges == ["opened", "closed"] * (len(edges) // 2)
    ids = [event.id for event in (*events, *closed)]
    assert len(set(ids)) == len(ids)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_an_end_that_is_published_again_has_the_same_ids(probabilities: list[float]) -> None:
    assert end_after(probabilities, SPEC) == end_after(probabilities, SPEC)


# -- silence within a session --------------------------------------------------------------------

TIMEOUT = timedelta(seconds=60)


def with_pause(before: list[float], after: list[float], pause_s: int) -> list[Event]:
    """Changes of windows up to a pause, and of those after it, read as one backlog."""
    state: State = {}
    events: list[Event] = []
    times = [*range(len(before)), *range(len(before) + pause_s, len(before) + pause_s + len(after))]
    for second, probability in zip(times, [*before, *after], strict=True):
        state, changes = step([SPEC], state, window(second, probability), TIMEOUT)
        events += changes
    return events


def test_a_backlog_closes_an_event_where_silence_would_have_ended_its_session() -> None:
    live, end = end_after([0.8, 0.9], SPEC)
    events = with_pause([0.8, 0.9], [0.8], 61)
    assert events[:-1] == [*live, *end]
    assert events[-1].action == "opened"
    assert events[-1].since == us_to_iso(63 * US_PER_S)


def test_a_shorter_silence_leaves_an_event_open() -> None:
    assert [event.action for event in with_pause([0.8, 0.9], [0.9], 60)] == ["opened"]


def test_time_of_which_nothing_is_known_is_no_part_of_the_minimum_duration() -> None:
    spec = SPEC.model_copy(update={"min_duration": timedelta(seconds=3)})
    state, _ = step([spec], {}, window(0, 0.9), TIMEOUT)
    assert step([spec], state, window(100, 0.9), TIMEOUT)[1] == []
    assert step([spec], state, window(5, 0.9), TIMEOUT)[1][0].action == "opened"


def test_the_silence_is_that_of_the_pipeline_file() -> None:
    shipped = load_pipeline("call")
    pipeline = shipped.model_copy(
        update={"events": (SPEC,), "limits": Limits(session_timeout=TIMEOUT)}
    )
    state, _ = session_events.step(pipeline, session_events.NOTHING, window(0, 0.9))
    _, changes = session_events.step(pipeline, state, window(62, 0.9))
    assert [change.action for change in changes] == ["closed", "opened"]
