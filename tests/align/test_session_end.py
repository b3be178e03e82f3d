"""A marker that says a session is over: what it closes, what takes it back, what it leaves."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.sample import SessionEnd
from streams.align.store import WindowStore
from streams.align.types import Applied, Batch
from tests.align.conftest import World
from tests.align.worlds import apply, drain, entry, keys, rule, spec_of, tick

CAMERA = rule("video", sensors=("cam",), idle_after_ms=60_000)
MIC = rule("audio", sensors=("mic",), idle_after_ms=60_000)
BOTH = ("video", "audio")


async def end(
    store: WindowStore,
    offset: int,
    now_ms: int,
    through_ms: Mapping[str, int],
    *,
    input: str = "video",
    session: str = "a",
) -> Applied:
    """The marker, alone in its batch."""
    ends = [SessionEnd(session, offset)]
    return await store.apply(
        0, Batch(input, offset + 1, [], ends, read_through_ms=through_ms), now_ms
    )


async def test_a_marker_closes_the_windows_of_its_own_input_at_once(world: World) -> None:
    store = world.store(spec_of(CAMERA))
    await store.claim(0, "w")
    await apply(store, "video", 2, [entry(0, 50), entry(1, 110)], 1)
    assert (await end(store, 2, 2, {"video": 2})).due == 2


async def test_a_marker_in_one_batch_with_samples_closes_those_before_it(world: World) -> None:
    store = world.store(spec_of(CAMERA))
    await store.claim(0, "w")
    batch = Batch("video", 3, [entry(0, 50), entry(1, 110)], [SessionEnd("a", 2)], {"video": 1})
    assert (await store.apply(0, batch, 1)).due == 2


async def test_an_input_that_had_records_is_waited_for_until_it_sends_a_marker_too(
    world: World,
) -> None:
    store = world.store(spec_of(CAMERA, MIC))
    await store.claim(0, "w")
    await apply(store, "audio", 1, [entry(0, 50, sensor="mic")], 1)
    await apply(store, "video", 1, [entry(0, 50)], 1)
    assert (await end(store, 1, 10, dict.fromkeys(BOTH, 10))).due == 0
    assert await tick(store, BOTH, 20) == 0
    await end(store, 1, 21, dict.fromkeys(BOTH, 21), input="audio")
    assert await tick(store, BOTH, 30) == 1


async def test_an_input_without_a_record_is_waited_for_until_it_is_read_through_the_marker(
    world: World,
) -> None:
    store = world.store(spec_of(CAMERA, MIC))
    await store.claim(0, "w")
    await apply(store, "video", 1, [entry(0, 50)], 1)
    assert (await end(store, 1, 10, {"video": 10, "audio": 9})).due == 0
    assert (await store.tick(0, {"video": 100, "audio": 9}, 100)).due == 0
    assert (await store.tick(0, {"video": 200, "audio": 200}, 200)).due == 1


async def test_samples_of_another_input_that_were_there_at_the_marker_are_in_the_last_window(
    world: World,
) -> None:
    store = world.store(spec_of(CAMERA, MIC))
    await store.claim(0, "w")
    await apply(store, "video", 1, [entry(0, 50)], 1)
    await end(store, 1, 10, {"video": 10})
    await apply(store, "audio", 1, [entry(0, 60, sensor="mic")], 20)
    await end(store, 1, 21, dict.fromkeys(BOTH, 21), input="audio")
    await tick(store, BOTH, 22)
    (window,) = await drain(store, 0, 23)
    assert [(one.sensor, one.offset) for one in window.samples] == [("cam", 0), ("mic", 0)]


async def test_a_record_after_the_marker_takes_it_back(world: World) -> None:
    store = world.store(spec_of(CAMERA, MIC))
    await store.claim(0, "w")
    await apply(store, "video", 1, [entry(0, 50)], 1)
    await end(store, 1, 10, {"video": 10, "audio": 1})
    await apply(store, "video", 3, [entry(2, 70)], 11)
    assert await tick(store, BOTH, 30) == 0


async def test_a_marker_says_nothing_of_other_sessions(world: World) -> None:
    store = world.store(spec_of(CAMERA))
    await store.claim(0, "w")
    await apply(store, "video", 2, [entry(0, 50), entry(1, 50, session="b")], 1)
    await end(store, 2, 2, {"video": 2})
    assert [window.session for window in await drain(store, 0, 3)] == ["a"]


async def test_a_marker_of_a_session_that_nobody_knows_changes_nothing(world: World) -> None:
    store = world.store(spec_of(CAMERA))
    await store.claim(0, "w")
    applied = await end(store, 0, 1, {"video": 1}, session="nobody")
    assert (applied.due, applied.open_windows) == (0, 0)


async def test_a_marker_is_committed_with_what_came_before_it(world: World) -> None:
    store = world.store(spec_of(CAMERA))
    await store.claim(0, "w")
    await apply(store, "video", 1, [entry(0, 50)], 1)
    await end(store, 1, 2, {"video": 2})
    assert (await store.ack(0, [], [], {}))["video"] == 0
    await drain(store, 0, 3)
    assert (await store.ack(0, [], [], {}))["video"] == 2


async def test_a_marker_that_is_read_again_is_not_heard_twice(world: World) -> None:
    store = world.store(spec_of(CAMERA))
    await store.claim(0, "w")
    await apply(store, "video", 1, [entry(0, 50)], 1)
    await end(store, 1, 2, {"video": 2})
    await drain(store, 0, 3)
    await apply(store, "video", 3, [entry(2, 150)], 4)
    assert (await end(store, 1, 5, {"video": 5})).due == 0


async def test_an_ended_session_with_events_is_handed_out_without_waiting_for_its_timeout(
    world: World,
) -> None:
    store = world.store(spec_of(CAMERA, session_timeout_ms=600_000))
    await store.claim(0, "w")
    await apply(store, "video", 1, [entry(0, 50)], 1)
    await end(store, 1, 2, {"video": 2})
    leased = await store.lease(0, 9, 3, 9)
    await store.ack(0, keys(leased), [], {"a": b"open"})
    assert await tick(store, ["video"], 4) == 1
    (over,) = await store.lease(0, 9, 4, 9)
    assert (over.over, over.event_state) == (True, b"open")


async def test_the_end_of_a_session_is_handed_out_again_until_it_is_acknowledged(
    world: World,
) -> None:
    store = world.store(spec_of(CAMERA))
    await store.claim(0, "w")
    await apply(store, "video", 1, [entry(0, 50)], 1)
    await end(store, 1, 2, {"video": 2})
    await store.ack(0, keys(await store.lease(0, 9, 3, 9)), [], {"a": b"open"})
    await tick(store, ["video"], 4)
    first = await store.lease(0, 9, 4, 10)
    assert await store.lease(0, 9, 5, 10) == []
    assert await store.lease(0, 9, 14, 10) == first
    await store.ack(0, keys(first), [], {"a": b""})
    assert await tick(store, ["video"], 100) == 0


async def test_a_session_that_comes_back_while_its_end_is_published_goes_on_without_its_events(
    world: World,
) -> None:
    store = world.store(spec_of(CAMERA))
    await store.claim(0, "w")
    await apply(store, "video", 1, [entry(0, 50)], 1)
    await end(store, 1, 2, {"video": 2})
    await store.ack(0, keys(await store.lease(0, 9, 3, 9)), [], {"a": b"open"})
    await tick(store, ["video"], 4)
    over = await store.lease(0, 9, 4, 1_000)
    await apply(store, "video", 4, [entry(2, 250), entry(3, 500)], 5)
    await store.ack(0, keys(over), [], {"a": b""})
    (window,) = await store.lease(0, 9, 6, 9)
    assert (window.start_us, window.event_state, window.over) == (200, b"", False)


async def test_a_session_that_ended_without_events_repeats_no_window_when_it_returns(
    world: World,
) -> None:
    store = world.store(spec_of(CAMERA))
    await store.claim(0, "w")
    await apply(store, "video", 1, [entry(0, 50)], 1)
    await end(store, 1, 2, {"video": 2})
    await drain(store, 0, 3)
    await tick(store, ["video"], 4)
    applied = await apply(store, "video", 3, [entry(2, 60)], 5)
    assert [late.reason for late in applied.late] == ["window_closed"]


async def test_a_session_that_comes_back_while_its_end_is_published_goes_on_without_model_state(
    world: World,
) -> None:
    store = world.store(spec_of(CAMERA))
    await store.claim(0, "w")
    await apply(store, "video", 1, [entry(0, 50)], 1)
    await end(store, 1, 2, {"video": 2})
    await store.ack(0, keys(await store.lease(0, 9, 3, 9)), [], {"a": b"open"}, {"a": b"tracks"})
    await tick(store, ["video"], 4)
    over = await store.lease(0, 9, 4, 1_000)
    await apply(store, "video", 4, [entry(2, 250), entry(3, 500)], 5)
    await store.ack(0, keys(over), [], {"a": b""})
    (window,) = await store.lease(0, 9, 6, 9)
    assert window.model_state == b""


async def test_a_session_without_open_events_leaves_no_model_state_behind(world: World) -> None:
    store = world.store(spec_of(CAMERA))
    await store.claim(0, "w")
    await apply(store, "video", 1, [entry(0, 50)], 1)
    await end(store, 1, 2, {"video": 2})
    await store.ack(0, keys(await store.lease(0, 9, 3, 9)), [], {}, {"a": b"tracks"})
    await tick(store, ["video"], 4)
    await apply(store, "video", 4, [entry(2, 250), entry(3, 500)], 5)
    (window,) = await store.lease(0, 9, 6, 9)
    assert (window.start_us, window.model_state) == (200, b"")
