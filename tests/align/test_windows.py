"""What a shard does with records, held to be the same of both stores."""

from __future__ import annotations

import pytest

from streams.align.store import WindowStore
from streams.align.types import Entry, Window, WindowKey
from tests.align.conftest import World
from tests.align.worlds import apply, drain, entry, keys, rule, spec_of, tick

CAMERA = rule("video", sensors=("cam",))
PATIENT_CAMERA = rule("video", sensors=("cam",), idle_after_ms=60_000)
MIC = rule("audio", sensors=("mic",))
BOTH = ("video", "audio")


async def _apply(store: WindowStore, *entries: Entry, input: str = "video", now_ms: int = 1) -> int:
    applied = await apply(store, input, entries[-1].offset + 1, entries, now_ms)
    return applied.due


async def test_a_window_is_due_when_the_slowest_expected_sensor_has_passed_it(
    world: World,
) -> None:
    store = world.store(spec_of(CAMERA, MIC))
    await store.claim(0, "w")
    assert await _apply(store, entry(0, 50), entry(1, 900)) == 0
    assert await _apply(store, entry(0, 119, sensor="mic"), input="audio") == 0
    assert await _apply(store, entry(1, 120, sensor="mic"), input="audio") == 1


async def test_a_sample_behind_its_own_sensor_is_late_and_says_by_how_much(world: World) -> None:
    store = world.store(spec_of(CAMERA, MIC))
    await store.claim(0, "w")
    applied = await apply(store, "video", 2, [entry(0, 300), entry(1, 70)], 1)
    (late,) = applied.late
    assert (late.offset, late.late_by_us, late.reason) == (1, 210, "behind_sensor")


async def test_a_sample_of_a_closed_window_is_late_though_it_is_its_sensors_newest(
    world: World,
) -> None:
    store = world.store(spec_of(CAMERA, rule("audio", idle_after_ms=10)))
    await store.claim(0, "w")
    await _apply(store, entry(0, 50), entry(1, 150), entry(2, 400))
    await tick(store, ["audio"], 11)
    applied = await apply(store, "audio", 1, [entry(0, 60, sensor="mic")], 12)
    (late,) = applied.late
    assert (late.late_by_us, late.reason) == (140, "window_closed")


async def test_an_input_without_declared_sensors_is_waited_for_until_one_turns_up(
    world: World,
) -> None:
    store = world.store(spec_of(CAMERA, rule("audio")))
    await store.claim(0, "w")
    assert await _apply(store, entry(0, 50), entry(1, 900)) == 0
    assert await _apply(store, entry(0, 120, sensor="mic"), input="audio") == 1


async def test_what_is_not_expected_is_waited_for_until_its_input_was_read_to_the_end(
    world: World,
) -> None:
    rare = rule("audio", sensors=("mic",), expected=False, idle_after_ms=60_000)
    store = world.store(spec_of(PATIENT_CAMERA, rare))
    await store.claim(0, "w")
    assert await _apply(store, entry(0, 50), entry(1, 900)) == 0
    assert await tick(store, ["video"], 1_000) == 0
    assert await tick(store, ["video", "audio"], 2_000) == 1


async def test_what_is_not_expected_is_waited_for_once_it_was_seen(world: World) -> None:
    rare = rule("audio", sensors=("mic",), expected=False, idle_after_ms=60_000)
    store = world.store(spec_of(PATIENT_CAMERA, rare))
    await store.claim(0, "w")
    await _apply(store, entry(0, 10, sensor="mic"), input="audio")
    await _apply(store, entry(0, 50), entry(1, 900))
    assert await tick(store, ["video", "audio"], 2_000) == 0


async def test_a_sensor_beyond_the_sessions_fill_is_dropped_and_counted(world: World) -> None:
    store = world.store(spec_of(CAMERA, max_sensors=2))
    await store.claim(0, "w")
    entries = [entry(n, 50, sensor=f"cam{n or ''}") for n in range(4)]
    entries[0] = entry(0, 50, sensor="cam")
    applied = await apply(store, "video", 4, entries, 1)
    assert applied.dropped == 2


async def test_a_sensor_that_is_found_holds_the_watermark_from_then_on(world: World) -> None:
    store = world.store(spec_of(CAMERA, rule("audio")))
    await store.claim(0, "w")
    await _apply(store, entry(0, 10, sensor="mic"), input="audio")
    assert await _apply(store, entry(0, 50), entry(1, 900)) == 0


async def test_a_late_sample_holds_the_commit_until_it_is_published(world: World) -> None:
    store = world.store(spec_of(CAMERA))
    await store.claim(0, "w")
    await _apply(store, entry(0, 300), entry(1, 70), entry(2, 500))
    await drain(store, 0, 1)
    assert (await store.ack(0, [], [], {}))["video"] == 1
    assert (await store.ack(0, [], [("video", 1)], {}))["video"] == 2


async def test_a_late_sample_is_reported_again_until_it_is_published(world: World) -> None:
    store = world.store(spec_of(CAMERA))
    await store.claim(0, "w")
    records = [entry(0, 300), entry(1, 70)]
    first = await apply(store, "video", 2, records, 1)
    again = await apply(store, "video", 2, records, 2)
    assert (again.late, again.repeats) == (first.late, 2)
    await store.ack(0, [], [("video", 1)], {})
    assert (await apply(store, "video", 2, records, 3)).late == ()


async def test_an_invalid_sample_moves_the_watermark_and_is_counted(world: World) -> None:
    store = world.store(spec_of(CAMERA))
    await store.claim(0, "w")
    await _apply(store, entry(0, 50, feature=None), entry(1, 300, feature=None))
    (window,) = await drain(store, 0, 1)
    tally = window.tallies["cam"]
    assert (tally.invalid, tally.samples, tally.offsets, tally.seen) == (1, 0, (), False)


async def test_nearest_may_use_the_neighbours_sample_but_counts_it_at_home(world: World) -> None:
    lidar = rule("lidar", matcher="nearest", reference_us=50, tolerance_us=60, sensors=("top",))
    store = world.store(spec_of(CAMERA, lidar))
    await store.claim(0, "w")
    await _apply(store, entry(0, 50), entry(1, 150), entry(2, 900))
    await _apply(store, entry(0, 105, sensor="top"), entry(1, 900, sensor="top"), input="lidar")
    first, second = await drain(store, 0, 1)
    assert [s.offset for s in first.samples if s.sensor == "top"] == [0]
    assert (first.tallies["top"].samples, second.tallies["top"].samples) == (0, 1)
    assert second.tallies["top"].offsets == (0,)


async def test_a_window_with_nothing_but_neighbours_candidates_gives_no_result(
    world: World,
) -> None:
    lidar = rule("lidar", matcher="nearest", reference_us=0, tolerance_us=30, sensors=("top",))
    store = world.store(spec_of(lidar))
    await store.claim(0, "w")
    await _apply(store, entry(0, 80, sensor="top"), entry(1, 450, sensor="top"), input="lidar")
    assert [w.start_us for w in await drain(store, 0, 1)] == [0]


async def test_a_sample_holds_the_commit_while_a_neighbours_window_may_use_it(
    world: World,
) -> None:
    lidar = rule("lidar", matcher="nearest", reference_us=0, tolerance_us=30, sensors=("top",))
    store = world.store(spec_of(CAMERA, lidar))
    await store.claim(0, "w")
    await _apply(store, entry(0, 110), entry(1, 125))
    await _apply(store, entry(0, 80, sensor="top"), entry(1, 150, sensor="top"), input="lidar")
    (first,) = await store.lease(0, 9, 1, 9)
    assert first.start_us == 0
    assert (await store.ack(0, keys([first]), [], {}))["lidar"] == 0


async def test_samples_beyond_the_windows_cap_are_dropped_and_counted(world: World) -> None:
    store = world.store(spec_of(rule("video", sensors=("cam",), max_samples_per_window=2)))
    await store.claim(0, "w")
    await _apply(store, *(entry(n, n) for n in range(5)), entry(5, 300))
    (window,) = await drain(store, 0, 1)
    tally = window.tallies["cam"]
    assert (tally.samples, tally.dropped, tally.offsets) == (2, 3, (0, 1))


async def test_a_record_that_would_open_one_window_too_many_is_dropped_and_counted(
    world: World,
) -> None:
    store = world.store(spec_of(CAMERA, MIC, max_open_windows=2))
    await store.claim(0, "w")
    applied = await apply(store, "video", 3, [entry(n, n * 100) for n in range(3)], 1)
    assert (applied.dropped, applied.open_windows) == (1, 2)


async def test_a_full_session_still_moves_on_when_its_slow_sensor_comes(world: World) -> None:
    store = world.store(spec_of(CAMERA, MIC, max_open_windows=2))
    await store.claim(0, "w")
    await _apply(store, *(entry(n, n * 100) for n in range(9)))
    assert await _apply(store, entry(0, 500, sensor="mic"), input="audio") == 2


async def test_silence_closes_nothing_before_the_reader_is_caught_up(world: World) -> None:
    store = world.store(spec_of(CAMERA, MIC))
    await store.claim(0, "w")
    await _apply(store, entry(0, 50), now_ms=1_000)
    assert await tick(store, ["video"], 9_000) == 0
    assert await tick(store, BOTH, 9_300) == 1


async def test_the_windows_of_a_silent_session_say_who_was_never_seen(world: World) -> None:
    store = world.store(spec_of(CAMERA, MIC))
    await store.claim(0, "w")
    await _apply(store, entry(0, 50), now_ms=1_000)
    await tick(store, BOTH, 9_000)
    (window,) = await drain(store, 0, 9_000)
    assert (window.tallies["cam"].seen, window.tallies["mic"].seen) == (True, False)


async def test_an_idle_sensor_is_waited_for_again_once_it_speaks(world: World) -> None:
    store = world.store(spec_of(CAMERA, MIC))
    await store.claim(0, "w")
    await _apply(store, entry(0, 50), now_ms=1_000)
    await tick(store, BOTH, 2_000)
    await _apply(store, entry(0, 160, sensor="mic"), input="audio", now_ms=2_001)
    await _apply(store, entry(1, 150), entry(2, 900), now_ms=2_001)
    assert [w.start_us for w in await drain(store, 0, 2_002)] == [0]


async def test_an_expired_session_that_returns_repeats_no_window(world: World) -> None:
    store = world.store(spec_of(CAMERA, session_timeout_ms=1_000))
    await store.claim(0, "w")
    await _apply(store, entry(0, 50), entry(1, 150), now_ms=1)
    await tick(store, ["video"], 500)
    await drain(store, 0, 500)
    await tick(store, ["video"], 5_000)
    applied = await apply(store, "video", 4, [entry(2, 60), entry(3, 500)], 9_000)
    assert [late.late_by_us for late in applied.late] == [140]
    await tick(store, ["video"], 20_000)
    assert [w.start_us for w in await drain(store, 0, 20_000)] == [500]


async def test_a_quiet_session_with_events_is_handed_out_once_more_to_close_them(
    world: World,
) -> None:
    store = world.store(spec_of(CAMERA, session_timeout_ms=1_000))
    await store.claim(0, "w")
    await _apply(store, entry(0, 50), now_ms=1)
    await tick(store, ["video"], 500)
    leased = await store.lease(0, 9, 500, 9)
    await store.ack(0, keys(leased), [], {"a": b"open"})
    assert await tick(store, ["video"], 5_000) == 1
    (end,) = await store.lease(0, 9, 5_000, 9)
    assert (end.over, end.start_us, end.event_state, end.samples) == (True, 0, b"open", ())
    await store.ack(0, keys([end]), [], {"a": b""})
    assert await tick(store, ["video"], 9_000) == 0


async def test_a_window_is_handed_out_once_until_its_lease_ends(world: World) -> None:
    store = await _with_two_due(world)
    assert len(await store.lease(0, 9, 100, 50)) == 2
    assert await store.lease(0, 9, 149, 50) == []
    assert len(await store.lease(0, 9, 150, 50)) == 2


async def test_a_sessions_next_window_waits_for_the_one_that_is_out(world: World) -> None:
    store = await _with_two_due(world)
    (first,) = await store.lease(0, 1, 100, 50)
    assert await store.lease(0, 1, 100, 50) == []
    await store.ack(0, keys([first]), [], {"a": b"next"})
    (second,) = await store.lease(0, 1, 100, 50)
    assert (second.start_us, second.event_state) == (100, b"next")


async def test_a_second_acknowledgement_does_not_bring_an_old_event_state_back(
    world: World,
) -> None:
    store = await _with_two_due(world)
    (first,) = await store.lease(0, 1, 100, 50)
    await store.ack(0, keys([first]), [], {"a": b"new"})
    await store.ack(0, keys([first]), [], {"a": b"old"})
    assert (await store.lease(0, 1, 100, 50))[0].event_state == b"new"


async def test_a_window_that_is_still_open_cannot_be_acknowledged(world: World) -> None:
    store = world.store(spec_of(CAMERA, MIC))
    await store.claim(0, "w")
    await _apply(store, entry(0, 50))
    assert (await store.ack(0, [WindowKey("a", 0)], [], {}))["video"] == 0


async def test_one_name_on_two_inputs_stays_two_sensors(world: World) -> None:
    store = world.store(spec_of(CAMERA, rule("audio")))
    await store.claim(0, "w")
    await _apply(store, entry(0, 20, feature=b"a"), entry(1, 300), input="audio")
    await _apply(store, entry(0, 10, feature=b"v"), entry(1, 300))
    (window,) = await drain(store, 0, 1)
    assert [(s.sensor, s.feature) for s in window.samples] == [("cam", b"v"), ("audio/cam", b"a")]
    assert {n: t.input for n, t in window.tallies.items()} == {
        "cam": "video",
        "audio/cam": "audio",
    }


async def _with_two_due(world: World) -> WindowStore:
    store = world.store(spec_of(CAMERA))
    await store.claim(0, "w")
    await _apply(store, entry(0, 50), entry(1, 150), entry(2, 900))
    return store


async def test_sessions_are_handed_out_by_completion_each_with_all_that_it_has(
    world: World,
) -> None:
    store = world.store(spec_of(CAMERA))
    await store.claim(0, "w")
    await _apply(store, entry(0, 50, session="z"), entry(1, 150, session="z"), now_ms=5)
    await _apply(store, entry(2, 50, session="b"), entry(3, 250, session="b"), now_ms=6)
    await _apply(store, entry(4, 400, session="z"), now_ms=7)
    handed: list[Window] = await store.lease(0, 9, 8, 9)
    assert [(w.session, w.start_us) for w in handed] == [("z", 0), ("z", 100), ("b", 0)]


async def test_an_event_time_out_of_range_is_refused_before_anything_is_done(world: World) -> None:
    store = world.store(spec_of(rule("video", sensors=("cam",))))
    await store.claim(0, "w")
    with pytest.raises(ValueError, match="dead-lettered"):
        await apply(store, "video", 2, [entry(0, 50), entry(1, -(2**53))], 1)
    assert (await apply(store, "video", 1, [entry(0, 50)], 1)).repeats == 0


async def test_a_model_s_state_is_given_to_the_session_s_next_window(world: World) -> None:
    store = await _with_two_due(world)
    (first,) = await store.lease(0, 1, 100, 50)
    await store.ack(0, keys([first]), [], {}, {"a": b"tracks"})
    (second,) = await store.lease(0, 1, 100, 50)
    assert (first.model_state, second.model_state) == (b"", b"tracks")


async def test_a_second_acknowledgement_does_not_bring_an_old_model_state_back(
    world: World,
) -> None:
    store = await _with_two_due(world)
    (first,) = await store.lease(0, 1, 100, 50)
    await store.ack(0, keys([first]), [], {}, {"a": b"new"})
    await store.ack(0, keys([first]), [], {}, {"a": b"old"})
    assert (await store.lease(0, 1, 100, 50))[0].model_state == b"new"
