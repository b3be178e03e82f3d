"""Results before the final one: when they are made, how they are numbered, what they hold."""

from __future__ import annotations

from dataclasses import replace

from streams.align.store import WindowStore
from streams.align.types import Window
from tests.align.conftest import World
from tests.align.worlds import apply, entry, keys, rule, spec_of, tick

CAMERA = rule("video", sensors=("cam",), lateness_us=0, idle_after_ms=60_000)
WORDS = rule("text", sensors=("asr",), lateness_us=0, idle_after_ms=60_000)
EARLY = spec_of(CAMERA, WORDS, early_after_us=20)
LENIENT = spec_of(CAMERA, allowed_lateness_us=100)


def brief(windows: list[Window]) -> list[tuple[int, int, bool, str, list[int]]]:
    """Start, revision, final, cause and offsets of each."""
    return [
        (w.start_us, w.revision, w.final, w.cause, [one.offset for one in w.samples])
        for w in windows
    ]


async def handed(
    store: WindowStore, now_ms: int = 1
) -> list[tuple[int, int, bool, str, list[int]]]:
    """What is handed out now, acknowledged."""
    windows = await store.lease(0, 64, now_ms, 1_000)
    await store.ack(0, keys(windows), [], {})
    return brief(windows)


async def test_an_early_result_is_made_once_the_quickest_sensor_is_that_far(world: World) -> None:
    store = world.store(EARLY)
    await store.claim(0, "w")
    assert (await apply(store, "video", 2, [entry(0, 50), entry(1, 119)], 1)).due == 0
    assert (await apply(store, "video", 3, [entry(2, 120)], 1)).due == 1
    assert await handed(store) == [(0, 0, False, "early", [0])]


async def test_an_early_result_is_made_once(world: World) -> None:
    store = world.store(EARLY)
    await store.claim(0, "w")
    await apply(store, "video", 2, [entry(0, 50), entry(1, 120)], 1)
    await handed(store)
    assert (await apply(store, "video", 3, [entry(2, 130)], 2)).due == 0
    assert await handed(store) == []


async def test_the_final_result_follows_with_the_next_number_and_the_slow_sensor(
    world: World,
) -> None:
    store = world.store(EARLY)
    await store.claim(0, "w")
    await apply(store, "video", 2, [entry(0, 50), entry(1, 120)], 1)
    await handed(store)
    words = [entry(7, 60, sensor="asr"), entry(8, 100, sensor="asr")]
    await apply(store, "text", 9, words, 2)
    assert await handed(store) == [(0, 1, True, "watermark", [0, 7])]


async def test_a_window_that_closes_before_its_early_look_has_the_final_result_alone(
    world: World,
) -> None:
    store = world.store(EARLY)
    await store.claim(0, "w")
    await apply(store, "text", 1, [entry(0, 200, sensor="asr")], 1)
    await apply(store, "video", 2, [entry(0, 50), entry(1, 200)], 1)
    assert await handed(store) == [(0, 0, True, "watermark", [0])]


async def test_an_early_result_does_not_let_its_offsets_be_committed(world: World) -> None:
    store = world.store(EARLY)
    await store.claim(0, "w")
    await apply(store, "video", 2, [entry(0, 50), entry(1, 120)], 1)
    await handed(store)
    assert (await store.ack(0, [], [], {}))["video"] == 0


async def test_revisions_come_by_the_watermark_for_late_samples_and_at_the_end(
    world: World,
) -> None:
    store = world.store(LENIENT)
    await store.claim(0, "w")
    await apply(store, "video", 2, [entry(0, 50), entry(1, 100)], 1)
    assert await handed(store) == [(0, 0, False, "watermark", [0])]
    late = await apply(store, "video", 3, [entry(2, 60)], 1)
    assert (late.late, late.due) == ((), 1)
    assert await handed(store) == [(0, 1, False, "late", [0, 2])]
    await apply(store, "video", 4, [entry(3, 199)], 1)
    assert await handed(store) == []
    await apply(store, "video", 5, [entry(4, 200)], 1)
    assert await handed(store) == [
        (0, 2, True, "watermark", [0, 2]),
        (100, 0, False, "watermark", [1, 3]),
    ]


async def test_samples_that_come_late_together_make_one_revision(world: World) -> None:
    store = world.store(LENIENT)
    await store.claim(0, "w")
    await apply(store, "video", 2, [entry(0, 50), entry(1, 100)], 1)
    await handed(store)
    await apply(store, "video", 4, [entry(2, 60), entry(3, 40)], 1)
    assert await handed(store) == [(0, 1, False, "late", [3, 0, 2])]


async def test_where_late_samples_make_no_revision_the_final_result_has_them(
    world: World,
) -> None:
    store = world.store(replace(LENIENT, on_late=False))
    await store.claim(0, "w")
    await apply(store, "video", 2, [entry(0, 50), entry(1, 100)], 1)
    await handed(store)
    assert (await apply(store, "video", 3, [entry(2, 60)], 1)).due == 0
    await apply(store, "video", 4, [entry(3, 200)], 1)
    assert (await handed(store))[0] == (0, 1, True, "watermark", [0, 2])


async def test_a_sample_beyond_the_allowed_lateness_is_late(world: World) -> None:
    store = world.store(LENIENT)
    await store.claim(0, "w")
    await apply(store, "video", 2, [entry(0, 50), entry(1, 200)], 1)
    applied = await apply(store, "video", 3, [entry(2, 60)], 1)
    assert [late.offset for late in applied.late] == [2]


async def test_early_then_watermark_then_final_are_numbered_in_that_order(world: World) -> None:
    store = world.store(spec_of(CAMERA, WORDS, early_after_us=20, allowed_lateness_us=100))
    await store.claim(0, "w")
    await apply(store, "video", 2, [entry(0, 50), entry(1, 120)], 1)
    first = await handed(store)
    await apply(store, "text", 1, [entry(0, 100, sensor="asr")], 1)
    second = await handed(store)
    await apply(store, "text", 2, [entry(1, 200, sensor="asr")], 1)
    await apply(store, "video", 3, [entry(2, 200)], 1)
    third = [one for one in await handed(store) if one[0] == 0]
    assert [one[1:4] for one in (*first, *second, *third)] == [
        (0, False, "early"),
        (1, False, "watermark"),
        (2, True, "watermark"),
    ]


async def test_a_flush_makes_the_final_result_without_one_before(world: World) -> None:
    quick = replace(CAMERA, idle_after_ms=100)
    store = world.store(spec_of(quick, allowed_lateness_us=100))
    await store.claim(0, "w")
    await apply(store, "video", 1, [entry(0, 50)], 1)
    await tick(store, ["video"], 500)
    assert await handed(store, 500) == [(0, 0, True, "watermark", [0])]


async def test_a_takeover_goes_on_with_the_numbers(world: World) -> None:
    first, second = world.store(EARLY), world.store(EARLY)
    await first.claim(0, "w1")
    await apply(first, "video", 2, [entry(0, 50), entry(1, 120)], 1)
    await handed(first)
    await second.claim(0, "w2")
    await apply(second, "text", 1, [entry(0, 150, sensor="asr")], 2)
    assert [one[:4] for one in await handed(second, 2)] == [(0, 1, True, "watermark")]
