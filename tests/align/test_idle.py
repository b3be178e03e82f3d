"""Idle sensors: a sample that was in the reader's hands already is never overtaken."""

from __future__ import annotations

from streams.align.store import WindowStore
from streams.align.types import Batch
from tests.align.conftest import World
from tests.align.worlds import apply, drain, entry, rule, spec_of, tick

CAMERA = rule("video", sensors=("cam",), idle_after_ms=60_000)
MIC = rule("audio", sensors=("mic",), idle_after_ms=100)
SPEC = spec_of(CAMERA, MIC)


async def _with_an_idle_mic(world: World) -> WindowStore:
    """Both sensors spoke at 1 ms; at 200 ms the microphone is idle."""
    store = world.store(SPEC)
    await store.claim(0, "w")
    await apply(store, "audio", 1, [entry(0, 50, sensor="mic")], 1)
    await apply(store, "video", 1, [entry(0, 50)], 1)
    await tick(store, ("video", "audio"), 200)
    return store


async def test_a_window_waits_while_an_idle_sensors_input_is_read_to_an_earlier_moment(
    world: World,
) -> None:
    store = await _with_an_idle_mic(world)
    batch = Batch("video", 2, [entry(1, 900)], read_through_ms={"video": 300, "audio": 299})
    assert (await store.apply(0, batch, 300)).due == 0


async def test_a_sample_that_was_in_the_broker_already_is_not_overtaken_by_silence(
    world: World,
) -> None:
    store = await _with_an_idle_mic(world)
    batch = Batch("video", 2, [entry(1, 900)], read_through_ms={"video": 300, "audio": 299})
    await store.apply(0, batch, 300)
    mic = [entry(1, 60, sensor="mic"), entry(2, 900, sensor="mic")]
    applied = await store.apply(0, Batch("audio", 3, mic, read_through_ms={"audio": 301}), 301)
    assert applied.late == ()
    (window,) = await drain(store, 0, 302)
    assert [(one.sensor, one.offset) for one in window.samples] == [
        ("cam", 0),
        ("mic", 0),
        ("mic", 1),
    ]


async def test_a_window_that_waited_is_due_once_the_idle_input_is_read_through_that_moment(
    world: World,
) -> None:
    store = await _with_an_idle_mic(world)
    batch = Batch("video", 2, [entry(1, 900)], read_through_ms={"video": 300, "audio": 299})
    await store.apply(0, batch, 300)
    assert (await store.tick(0, {"video": 360, "audio": 299}, 360)).due == 0
    assert (await store.tick(0, {"video": 420, "audio": 300}, 420)).due == 1


async def test_silence_counts_only_as_far_as_the_input_was_read(world: World) -> None:
    store = world.store(SPEC)
    await store.claim(0, "w")
    await apply(store, "audio", 1, [entry(0, 50, sensor="mic")], 1)
    await apply(store, "video", 2, [entry(0, 50), entry(1, 900)], 1)
    # Silent for 100 ms after 1 ms is what only a reader that is through 101 ms can know.
    assert (await store.tick(0, {"video": 5_000, "audio": 100}, 5_000)).due == 0
    assert (await store.tick(0, {"video": 6_000, "audio": 6_000}, 6_000)).due == 1


async def test_the_window_says_who_was_idle_when_it_closed(world: World) -> None:
    store = await _with_an_idle_mic(world)
    await apply(store, "video", 2, [entry(1, 900)], 300, caught_up=("video", "audio"))
    (window,) = await drain(store, 0, 301)
    assert (window.idle, window.watermark_us) == (("mic",), 880)
