"""Caps on samples and bytes: what is dropped, where it is counted, and who has to wait."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from streams.align.kept import OVERHEAD_BYTES
from streams.align.spec import AlignSpec
from streams.align.store import WindowStore
from streams.align.types import Applied, Window
from tests.align.conftest import World
from tests.align.worlds import apply, drain, entry, rule, spec_of

#: Bytes that a sample with a feature of ten bytes takes.
SAMPLE = OVERHEAD_BYTES + 10


def spec(overload: str, **limits: int) -> AlignSpec:
    return spec_of(rule("video", sensors=("cam",), overload=overload), **limits)


async def fed(world: World, spec: AlignSpec, *at_us: int) -> tuple[WindowStore, Applied]:
    """A store that was given samples of ten bytes each."""
    store = world.store(spec)
    await store.claim(0, "w")
    entries = [entry(n, start_us, feature=bytes(10)) for n, start_us in enumerate(at_us)]
    return store, await apply(store, "video", len(entries), entries, 1)


async def flushed(store: WindowStore) -> list[Window]:
    await store.tick(0, {"video": 10_000}, 10_000)
    return await drain(store, 0, 10_000)


def counts(windows: Iterable[Window]) -> dict[int, tuple[list[int], int]]:
    """Start of a window -> offsets used, samples dropped."""
    return {
        one.start_us: ([s.offset for s in one.samples], one.tallies["cam"].dropped)
        for one in windows
    }


async def test_the_newest_beyond_the_windows_bytes_is_dropped_and_counted(world: World) -> None:
    store, _ = await fed(world, spec("drop_newest", max_window_bytes=2 * SAMPLE), 10, 20, 30)
    assert counts(await flushed(store)) == {0: ([0, 1], 1)}


async def test_the_oldest_makes_room_within_its_window_and_is_counted(world: World) -> None:
    # What is dropped keeps its overhead: to be counted it has to be known.
    limit = 2 * SAMPLE + OVERHEAD_BYTES
    store, _ = await fed(world, spec("drop_oldest", max_window_bytes=limit), 10, 20, 30)
    assert counts(await flushed(store)) == {0: ([1, 2], 1)}


async def test_what_is_dropped_is_not_held_either(world: World) -> None:
    held = rule("video", matcher="hold", max_age_us=1_000, sensors=("cam",), overload="drop_oldest")
    limited = spec_of(held, max_window_bytes=2 * SAMPLE + OVERHEAD_BYTES)
    store, _ = await fed(world, limited, 30, 10, 20)
    assert counts(await flushed(store)) == {0: ([2], 1)}


async def test_what_was_held_and_dropped_gives_its_bytes_back(world: World) -> None:
    held = rule("video", matcher="hold", max_age_us=1_000, sensors=("cam",), overload="drop_oldest")
    limited = spec_of(held, max_window_bytes=2 * SAMPLE + OVERHEAD_BYTES)
    _, applied = await fed(world, limited, 30, 10, 20)
    assert applied.size == 4 * SAMPLE + OVERHEAD_BYTES


async def test_the_bytes_of_one_window_do_not_count_against_the_next(world: World) -> None:
    limit = spec("drop_newest", max_window_bytes=2 * SAMPLE)
    store, _ = await fed(world, limit, 10, 20, 110, 120, 130)
    assert counts(await flushed(store)) == {0: ([0, 1], 0), 100: ([2, 3], 1)}


async def test_the_newest_beyond_the_sessions_bytes_is_dropped_and_counted(world: World) -> None:
    store, _ = await fed(world, spec("drop_newest", max_session_bytes=2 * SAMPLE), 10, 110, 115)
    assert counts(await flushed(store)) == {0: ([0], 0), 100: ([1], 1)}


async def test_the_oldest_of_the_session_makes_room_for_the_newest(world: World) -> None:
    limit = 2 * SAMPLE + OVERHEAD_BYTES
    store, _ = await fed(world, spec("drop_oldest", max_session_bytes=limit), 10, 110, 115)
    assert counts(await flushed(store)) == {0: ([], 1), 100: ([1, 2], 0)}


async def test_one_sessions_bytes_are_not_anothers(world: World) -> None:
    store = world.store(spec("drop_newest", max_session_bytes=SAMPLE))
    await store.claim(0, "w")
    entries = [entry(n, 10, session=name, feature=bytes(10)) for n, name in enumerate("ab")]
    await apply(store, "video", 2, entries, 1)
    assert [w.tallies["cam"].dropped for w in await flushed(store)] == [0, 0]


async def test_a_dropped_sample_holds_its_offset_until_its_window_is_published(
    world: World,
) -> None:
    store, _ = await fed(world, spec("drop_newest", max_window_bytes=SAMPLE), 10, 20)
    assert (await store.ack(0, [], [], {}))["video"] == 0
    await flushed(store)
    assert (await store.ack(0, [], [], {}))["video"] == 2


async def test_where_an_input_waits_nothing_is_dropped_and_the_shard_says_that_it_is_full(
    world: World,
) -> None:
    store, applied = await fed(world, spec("wait", max_session_bytes=2 * SAMPLE), 10, 20, 30)
    assert (applied.full, applied.size) == (True, 3 * SAMPLE)
    assert counts(await flushed(store)) == {0: ([0, 1, 2], 0)}


async def test_a_session_that_has_just_what_it_may_have_is_not_full(world: World) -> None:
    _, applied = await fed(world, spec("wait", max_session_bytes=3 * SAMPLE), 10, 20, 30)
    assert not applied.full


async def test_what_is_published_makes_room(world: World) -> None:
    store, _ = await fed(world, spec("wait", max_session_bytes=2 * SAMPLE), 10, 20, 30)
    await flushed(store)
    after = await store.tick(0, {}, 10_001)
    assert (after.full, after.size) == (False, 0)


async def test_a_dropped_sample_still_moves_its_sensors_watermark(world: World) -> None:
    _, applied = await fed(world, spec("drop_newest", max_session_bytes=SAMPLE), 10, 120)
    assert applied.due == 1


async def test_shedding_is_the_same_in_one_batch_and_in_many(world: World) -> None:
    limit = spec("drop_oldest", max_session_bytes=3 * SAMPLE)
    at_us = [10, 20, 60, 70, 110, 80, 115, 117, 119]
    one, _ = await fed(world, limit, *at_us)
    whole = counts(await flushed(one))
    await world.wipe()
    many = world.store(limit)
    await many.claim(0, "w")
    for n, start_us in enumerate(at_us):
        await apply(many, "video", n + 1, [entry(n, start_us, feature=bytes(10))], 1)
    assert counts(await flushed(many)) == whole


# -- why ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limited", "at_us", "drops"),
    [
        (spec("drop_newest", max_window_bytes=SAMPLE), (10, 20, 30), {"max_window_bytes": 2}),
        (spec("drop_newest", max_session_bytes=SAMPLE), (10, 110), {"max_session_bytes": 1}),
        (
            spec("drop_oldest", max_session_bytes=2 * SAMPLE + OVERHEAD_BYTES),
            (10, 110, 115),
            {"max_session_bytes": 1},
        ),
        (spec("wait", max_open_windows=1), (10, 110, 120), {"max_open_windows": 2}),
        (
            spec_of(rule("video", sensors=("cam",), max_samples_per_window=1)),
            (10, 20, 110),
            {"max_samples_per_window": 1},
        ),
        (spec("wait"), (10, 20), {}),
    ],
)
async def test_what_is_dropped_is_told_with_the_limit_that_was_met(
    world: World, limited: AlignSpec, at_us: tuple[int, ...], drops: dict[str, int]
) -> None:
    _, applied = await fed(world, limited, *at_us)
    assert applied.drops == drops


async def test_a_sensor_too_many_is_told_with_its_limit(world: World) -> None:
    store, _ = await fed(world, spec("wait", max_sensors=1), 10)
    applied = await apply(store, "video", 2, [entry(1, 20, sensor="cam2")], 1)
    assert applied.drops == {"max_sensors": 1}


async def test_a_late_sample_without_room_is_told_as_late_alone(world: World) -> None:
    limited = spec_of(
        rule("video", sensors=("cam",), max_samples_per_window=1, lateness_us=0), every_us=50
    )
    _, applied = await fed(world, limited, 60, 105, 55)
    assert ([late.offset for late in applied.late], applied.drops) == ([2], {})
