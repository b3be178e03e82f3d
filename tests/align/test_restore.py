"""A session rebuilt from its results goes on where they end."""

from __future__ import annotations

from typing import Any

from streams.align.store import WindowStore
from streams.align.types import Restored, RestoredSession
from tests.align.conftest import World
from tests.align.worlds import apply, entry, keys, rule, spec_of, tick

CAMERA = rule("video", sensors=("cam",), lateness_us=0)
WORDS = rule("text", sensors=("asr",), lateness_us=0, idle_after_ms=60_000)
EARLY = spec_of(CAMERA, WORDS, early_after_us=20)


async def restored(world: World, spec: Any, *sessions: RestoredSession, **past: Any) -> WindowStore:
    store = world.store(spec)
    await store.claim(0, "w")
    await store.restore(0, "w", Restored(sessions, **past))
    return store


async def test_a_window_that_had_revisions_goes_on_with_the_next_number(world: World) -> None:
    past = RestoredSession("a", None, {}, revisions={0: 3})
    store = await restored(world, EARLY, past)
    await apply(store, "video", 2, [entry(0, 50), entry(1, 150)], 1)
    await apply(store, "text", 1, [entry(0, 150, sensor="asr")], 1)
    (window,) = await store.lease(0, 9, 1, 9)
    assert (window.start_us, window.revision, window.final) == (0, 3, True)


async def test_other_windows_of_the_session_begin_at_revision_0(world: World) -> None:
    past = RestoredSession("a", 100, {}, revisions={100: 3})
    store = await restored(world, EARLY, past)
    await apply(store, "video", 3, [entry(0, 150), entry(1, 250), entry(2, 300)], 1)
    await apply(store, "text", 1, [entry(0, 300, sensor="asr")], 1)
    windows = await store.lease(0, 9, 1, 9)
    assert [(w.start_us, w.revision, w.final) for w in windows] == [(100, 3, True), (200, 0, True)]


async def test_records_of_finished_windows_are_late_unless_a_result_has_them(
    world: World,
) -> None:
    past = RestoredSession("a", 100, {"cam": ("video", 100)})
    store = await restored(world, spec_of(CAMERA), past, done={"video": [0]})
    applied = await apply(store, "video", 3, [entry(0, 40), entry(1, 50), entry(2, 150)], 1)
    assert [late.offset for late in applied.late] == [1]


async def test_event_state_is_given_to_the_next_window(world: World) -> None:
    past = RestoredSession("a", 100, {}, b"open")
    store = await restored(world, spec_of(CAMERA), past)
    await apply(store, "video", 2, [entry(0, 150), entry(1, 250)], 1)
    (window,) = await store.lease(0, 9, 1, 9)
    assert window.event_state == b"open"


async def test_a_sensor_that_was_seen_before_counts_as_seen(world: World) -> None:
    past = RestoredSession("a", 100, {"asr": ("text", 100)})
    store = await restored(world, spec_of(CAMERA, rule("text", sensors=("asr",))), past)
    await apply(store, "video", 1, [entry(0, 150)], 1)
    await tick(store, ("video", "text"), 10_000)
    await tick(store, ("video", "text"), 20_000)
    (window,) = await store.lease(0, 9, 20_000, 9)
    assert {name: one.seen for name, one in window.tallies.items()} == {"cam": True, "asr": True}


async def test_reading_goes_on_from_what_was_committed(world: World) -> None:
    store = await restored(world, spec_of(CAMERA), committed={"video": 7})
    applied = await apply(store, "video", 9, [entry(6, 50), entry(7, 60), entry(8, 150)], 1)
    assert applied.repeats == 1
    windows = await store.lease(0, 9, 1, 9)
    assert [one.offset for one in windows[0].samples] == [7]
    assert await store.ack(0, keys(windows), [], {}) == {"video": 8}


async def test_an_open_event_of_a_session_that_never_speaks_again_is_still_closed(
    world: World,
) -> None:
    spec = spec_of(CAMERA, session_timeout_ms=1_000)
    store = await restored(world, spec, RestoredSession("a", 100, {}, b"open"))
    await tick(store, ["video"], 1)
    await tick(store, ["video"], 5_000)
    (over,) = await store.lease(0, 9, 5_000, 9)
    assert (over.over, over.start_us, over.event_state) == (True, 0, b"open")


async def test_a_model_s_state_is_given_to_the_next_window(world: World) -> None:
    past = RestoredSession("a", 100, {}, model_state=b"tracks")
    store = await restored(world, spec_of(CAMERA), past)
    await apply(store, "video", 2, [entry(0, 150), entry(1, 250)], 1)
    (window,) = await store.lease(0, 9, 1, 9)
    assert window.model_state == b"tracks"
