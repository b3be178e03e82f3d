"""Clocks of sessions and shards: what they keep, and what a pipeline file asks of them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import WireError
from schemas.pipeline import Pipeline
from schemas.result import Correction
from streams.align.clock import (
    ClockRule,
    SessionClocks,
    ShardClocks,
    corrects,
    needs_state,
)
from tests.align.clock_traces import DRIFT, OFFSET, T0_US, Trace, camera, run, trace_of, traces

RULES = st.sampled_from([OFFSET, DRIFT])


def pipeline(**inputs: dict[str, Any]) -> Pipeline:
    text = {
        "pipeline": "test",
        "inputs": {name: {"modality": "video", **spec} for name, spec in inputs.items()},
        "window": {"size": "1s"},
        "model": {"name": "call"},
        "limits": {"max_sensors": 3},
    }
    return Pipeline.model_validate_json(json.dumps(text))


ESTIMATED = {"clock": {"estimate": "offset", "min_delay": "5ms"}}


def feed(clocks: ShardClocks, session: str, offset: int, delay_ms: int) -> int:
    """Correct one record that took so long; returns the correction in us."""
    at_us = T0_US + offset * 100_000
    return clocks.correct(
        "video", session, "cam", at_us, at_us, offset=offset, arrival_ms=at_us // 1_000 + delay_ms
    ).offset_us


@given(traces(), RULES, st.data())
def test_a_restart_in_the_middle_changes_no_correction(
    trace: Trace, rule: ClockRule, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(trace)))
    before = SessionClocks()
    run(trace[:cut], rule, before)
    after = SessionClocks.unpack(before.pack())
    resumed = [
        after.correct(rule, "video", "cam", t, t, offset=cut + n, arrival_ms=a)[0]
        for n, (t, a) in enumerate(trace[cut:])
    ]
    assert resumed == run(trace, rule)[cut:]


@given(traces(), RULES, st.data())
def test_records_read_a_second_time_leave_no_trace(
    trace: Trace, rule: ClockRule, data: st.DataObject
) -> None:
    clocks = SessionClocks()
    run(trace, rule, clocks)
    packed = clocks.pack()
    again = data.draw(st.lists(st.integers(0, len(trace) - 1)))
    for offset in again:
        t, a = trace[offset]
        assert not clocks.correct(rule, "video", "cam", t, t, offset=offset, arrival_ms=a)[1]
    assert clocks.pack() == packed


@given(traces(), traces(), st.lists(st.booleans()), st.lists(st.booleans()))
def test_other_sensors_and_sessions_and_the_cut_of_batches_have_no_influence(
    mine: Trace, other: Trace, mixed: list[bool], asked: list[bool]
) -> None:
    clocks = ShardClocks(pipeline(video=ESTIMATED))
    others = iter(enumerate(other))
    found = []
    for offset, (t, a) in enumerate(mine):
        if mixed and mixed[offset % len(mixed)]:
            for n, (other_t, other_a) in [next(others, (0, (T0_US, 0)))]:
                for session, sensor in (("s", "cam2"), ("s2", "cam")):
                    clocks.correct(
                        "video", session, sensor, other_t, other_t, offset=n, arrival_ms=other_a
                    )
        if asked and asked[offset % len(asked)]:
            clocks.dirty()
        found.append(clocks.correct("video", "s", "cam", t, t, offset=offset, arrival_ms=a))
    assert found == run(mine, OFFSET._replace(min_delay_us=5_000))


@given(traces(), RULES)
def test_the_state_of_a_sensor_is_small(trace: Trace, rule: ClockRule) -> None:
    clocks = SessionClocks()
    run(trace, rule, clocks)
    assert len(clocks.pack()) <= 500


def test_the_state_does_not_grow_with_time() -> None:
    clocks = SessionClocks()
    run(trace_of(camera(1, 2_000)), DRIFT, clocks)
    assert len(clocks.pack()) <= 350


@pytest.mark.parametrize("packed", [b"", b"\xc1", b"\x92\x01\x01", b"\x92\x02\x80"])
def test_bytes_that_are_no_clocks_are_refused(packed: bytes) -> None:
    with pytest.raises(WireError, match="expected packed clocks"):
        SessionClocks.unpack(packed)


def test_sensors_beyond_the_cap_get_the_fixed_offset() -> None:
    clocks = ShardClocks(pipeline(video={"clock": {"offset": "7ms", "estimate": "offset"}}))
    shifts = [
        clocks.correct("video", "s", f"cam{n}", T0_US, T0_US, offset=n, arrival_ms=T0_US // 1_000)
        for n in range(5)
    ]
    assert [corrected.offset_us for corrected in shifts] == [0, 0, 0, 7_000, 7_000]


def test_sessions_beyond_the_cap_get_the_fixed_offset_and_are_counted() -> None:
    clocks = ShardClocks(pipeline(video=ESTIMATED), max_sessions=1)
    assert [feed(clocks, "a", 0, 100), feed(clocks, "b", 0, 100)] == [95_000, 0]
    assert clocks.refused == 1


def test_a_session_that_is_forgotten_makes_room_and_begins_anew() -> None:
    clocks = ShardClocks(pipeline(video=ESTIMATED), max_sessions=1)
    feed(clocks, "a", 0, 100)
    clocks.forget("a")
    assert (feed(clocks, "b", 0, 100), len(clocks)) == (95_000, 1)


def test_dirty_gives_each_change_once() -> None:
    clocks = ShardClocks(pipeline(video=ESTIMATED))
    feed(clocks, "a", 0, 10)
    feed(clocks, "b", 0, 10)
    assert list(clocks.dirty()) == ["a", "b"]
    assert clocks.dirty() == {}
    feed(clocks, "b", 1, 10)
    assert list(clocks.dirty()) == ["b"]


def test_a_shard_that_is_taken_over_goes_on_where_the_other_stopped() -> None:
    old, new = (ShardClocks(pipeline(video=ESTIMATED)) for _ in range(2))
    feed(old, "a", 0, 100)
    for session, packed in old.dirty().items():
        new.load(session, packed)
    assert (feed(new, "a", 1, 90), new.dirty().keys()) == (feed(old, "a", 1, 90), {"a"})


def test_what_was_loaded_is_not_dirty() -> None:
    old, new = (ShardClocks(pipeline(video=ESTIMATED)) for _ in range(2))
    feed(old, "a", 0, 100)
    new.load("a", old.dirty()["a"])
    assert new.dirty() == {}


@given(st.integers(-(10**12), 10**12), st.integers(0, 2**52), st.integers(0, 10**9))
def test_a_fixed_offset_is_exact_to_the_microsecond(
    offset_us: int, start_us: int, length_us: int
) -> None:
    sign = "-" if offset_us < 0 else ""
    clocks = ShardClocks(pipeline(video={"clock": {"offset": f"{sign}{abs(offset_us)}us"}}))
    end_us = start_us + length_us
    corrected = clocks.correct("video", "s", "cam", start_us, end_us, offset=0, arrival_ms=0)
    assert corrected[:3] == (start_us + offset_us, end_us + offset_us, offset_us)
    assert clocks.dirty() == {}


def test_a_sensor_of_its_own_clock_differs_from_its_input() -> None:
    own = {"clock": {"offset": "1ms"}, "sensor_clocks": {"cam": {"offset": "-40ms"}}}
    clocks = ShardClocks(pipeline(video=own))
    shifts = [
        clocks.correct("video", "s", sensor, T0_US, T0_US, offset=0, arrival_ms=0).offset_us
        for sensor in ("cam", "other")
    ]
    assert shifts == [-40_000, 1_000]


def test_a_record_without_a_timestamp_is_corrected_by_what_is_known() -> None:
    clocks = ShardClocks(pipeline(video={"clock": {"offset": "9ms", "estimate": "offset"}}))
    args = ("video", "s", "cam", T0_US, T0_US)
    unknown = clocks.correct(*args, offset=0, arrival_ms=-1)
    clocks.correct(*args, offset=1, arrival_ms=T0_US // 1_000 + 50)
    known = clocks.correct(*args, offset=2, arrival_ms=-1)
    assert (unknown.offset_us, known.offset_us) == (9_000, 50_000)


def test_segments_that_count_at_their_end_are_corrected_at_their_end() -> None:
    """Ends in order stay so, however long the segments are."""
    clocks = ShardClocks(pipeline(video={"event_time": "end", **ESTIMATED}))
    ends = []
    for n in range(200):
        end_us = T0_US + n * 1_000
        long_us = 3_000_000 if n % 2 else 0
        arrival_ms = end_us // 1_000 + max(10, 900 - 7 * n)
        ends.append(
            clocks.correct(
                "video", "s", "cam", end_us - long_us, end_us, offset=n, arrival_ms=arrival_ms
            ).end_us
        )
    assert ends == sorted(ends)


def test_segments_that_count_at_their_end_are_told_apart_by_it_from_their_starts() -> None:
    """The same records, counted at their starts, are out of order."""
    rule = OFFSET._replace(at_end=True)
    shifts = []
    for each in (rule, OFFSET):
        clocks = SessionClocks()
        clocks.correct(each, "asr", "a", 0, 1_000_000, offset=0, arrival_ms=1_900)
        shifts.append(
            clocks.correct(each, "asr", "a", -1, 1_001_000, offset=1, arrival_ms=1_101)[0].offset_us
        )
    # By its end the second may fall by half a millisecond; by its start it is free to fall.
    assert shifts == [899_500, 99_999 + 1]


def test_a_result_says_what_was_added_and_how_much_of_it_was_fixed() -> None:
    clocks = ShardClocks(pipeline(video=ESTIMATED))
    feed(clocks, "a", 0, 105)
    assert clocks.correction("video", "a", "cam") == Correction(100.0, 0.0, 0.0)


def test_a_result_says_of_a_fixed_clock_its_offset() -> None:
    clocks = ShardClocks(pipeline(video={"clock": {"offset": "-1500us"}}))
    assert clocks.correction("video", "a", "cam") == Correction(-1.5, -1.5)


def test_a_result_says_nothing_of_a_clock_that_is_left_alone() -> None:
    assert ShardClocks(pipeline(video={})).correction("video", "a", "cam") is None


@pytest.mark.parametrize(
    ("spec", "changed", "state"),
    [
        ({}, False, False),
        ({"clock": {"offset": "1ms"}}, True, False),
        ({"clock": {"estimate": "drift"}}, True, True),
        ({"sensor_clocks": {"x": {"offset": "1ms"}}}, True, False),
        ({"sensor_clocks": {"x": {"estimate": "offset"}}}, True, True),
    ],
)
def test_only_what_is_asked_for_costs_anything(
    spec: dict[str, Any], changed: bool, state: bool
) -> None:
    asked = pipeline(video=spec, lidar={})
    assert (corrects(asked.inputs["video"]), needs_state(asked)) == (changed, state)
