"""Sliding and triggered windows, and values that are held: who shares a sample, and how long."""

from __future__ import annotations

from collections.abc import Iterable

from streams.align.store import WindowStore
from streams.align.types import Window
from tests.align.conftest import World
from tests.align.worlds import apply, drain, entry, keys, rule, spec_of

CAMERA = rule("video", sensors=("cam",), lateness_us=0)
MIC = rule("audio", sensors=("mic",), lateness_us=0)
SLIDING = spec_of(CAMERA, every_us=50)
TRIGGERED = spec_of(CAMERA, MIC, trigger=(0, "cam"), before_us=30)


def used(windows: Iterable[Window], sensor: str = "cam") -> dict[int, list[int]]:
    """Start of a window -> offsets that it used of a sensor."""
    return {
        window.start_us: [one.offset for one in window.samples if one.sensor == sensor]
        for window in windows
    }


async def committable(store: WindowStore, input: str) -> int:
    return (await store.ack(0, [], [], {}))[input]


# -- sliding -------------------------------------------------------------------------------------


async def test_a_sample_is_in_every_sliding_window_that_holds_its_time(world: World) -> None:
    store = world.store(SLIDING)
    await store.claim(0, "w")
    await apply(store, "video", 3, [entry(0, 60), entry(1, 120), entry(2, 900)], 1)
    assert used(await drain(store, 0, 1)) == {0: [0], 50: [0, 1], 100: [1]}


async def test_a_sample_is_committed_only_after_the_last_of_its_sliding_windows(
    world: World,
) -> None:
    store = world.store(SLIDING)
    await store.claim(0, "w")
    await apply(store, "video", 2, [entry(0, 60), entry(1, 900)], 1)
    committed = []
    while leased := await store.lease(0, 1, 1, 1_000):
        await store.ack(0, keys(leased), [], {})
        committed.append(await committable(store, "video"))
    assert committed == [0, 1]


async def test_a_late_sample_enters_the_sliding_windows_that_are_open_to_it(world: World) -> None:
    store = world.store(SLIDING)
    await store.claim(0, "w")
    applied = await apply(store, "video", 3, [entry(0, 60), entry(1, 120), entry(2, 90)], 1)
    assert [late.offset for late in applied.late] == [2]
    await apply(store, "video", 4, [entry(3, 900)], 2)
    assert used(await drain(store, 0, 2)) == {0: [0], 50: [0, 2, 1], 100: [1]}


async def test_no_sliding_window_exists_in_which_nothing_happened(world: World) -> None:
    store = world.store(SLIDING)
    await store.claim(0, "w")
    await apply(store, "video", 3, [entry(0, 10), entry(1, 510), entry(2, 900)], 1)
    assert list(used(await drain(store, 0, 1))) == [-50, 0, 450, 500]


# -- triggered -----------------------------------------------------------------------------------


async def test_each_trigger_sample_has_one_window_of_before_and_after(world: World) -> None:
    store = world.store(TRIGGERED)
    await store.claim(0, "w")
    mic = [entry(n, at, sensor="mic") for n, at in enumerate((19, 20, 50, 119, 120, 900))]
    await apply(store, "audio", 6, mic, 1)
    await apply(store, "video", 2, [entry(0, 50), entry(1, 900)], 1)
    (window,) = await drain(store, 0, 1)
    assert (window.start_us, window.end_us) == (20, 120)
    assert used([window], "mic") == {20: [1, 2, 3]}


async def test_windows_of_triggers_that_are_close_share_samples(world: World) -> None:
    store = world.store(TRIGGERED)
    await store.claim(0, "w")
    mic = [entry(0, 90, sensor="mic"), entry(1, 900, sensor="mic")]
    await apply(store, "audio", 2, mic, 1)
    await apply(store, "video", 3, [entry(0, 50), entry(1, 100), entry(2, 900)], 1)
    windows = await drain(store, 0, 1)
    assert used(windows, "mic") == {20: [0], 70: [0]}
    assert used(windows, "cam") == {20: [0, 1], 70: [1]}


async def test_two_triggers_at_one_time_give_one_window(world: World) -> None:
    store = world.store(TRIGGERED)
    await store.claim(0, "w")
    await apply(store, "audio", 1, [entry(0, 900, sensor="mic")], 1)
    await apply(store, "video", 3, [entry(0, 50), entry(1, 50), entry(2, 900)], 1)
    assert used(await drain(store, 0, 1)) == {20: [0, 1]}


async def test_a_trigger_that_is_invalid_gives_no_window(world: World) -> None:
    store = world.store(TRIGGERED)
    await store.claim(0, "w")
    await apply(store, "audio", 1, [entry(0, 900, sensor="mic")], 1)
    await apply(store, "video", 2, [entry(0, 50, feature=None), entry(1, 900)], 1)
    assert await drain(store, 0, 1) == []


async def test_samples_between_triggered_windows_are_forgotten_and_committed(
    world: World,
) -> None:
    store = world.store(TRIGGERED)
    await store.claim(0, "w")
    mic = [entry(n, 100 * n, sensor="mic") for n in range(10)]
    await apply(store, "audio", 10, mic, 1)
    await apply(store, "video", 1, [entry(0, 750)], 1)
    await drain(store, 0, 1)
    # The next window begins at 720 or later; what is before its tile serves nobody.
    assert await committable(store, "audio") == 7
    assert (await store.tick(0, {}, 2)).size < 10 * 53


async def test_a_late_trigger_gives_no_window_and_says_why(world: World) -> None:
    store = world.store(TRIGGERED)
    await store.claim(0, "w")
    await apply(store, "audio", 1, [entry(0, 900, sensor="mic")], 1)
    applied = await apply(store, "video", 2, [entry(0, 500), entry(1, 50)], 1)
    assert [(late.offset, late.reason) for late in applied.late] == [(1, "behind_sensor")]
    await apply(store, "video", 3, [entry(2, 900)], 2)
    assert list(used(await drain(store, 0, 2))) == [470]


# -- hold ----------------------------------------------------------------------------------------

IMAGE = rule("image", sensors=("xray",), matcher="hold", max_age_us=1_000, idle_after_ms=10)
HOLDING = spec_of(CAMERA, IMAGE)


async def test_a_held_value_serves_later_windows_until_a_newer_one_comes(world: World) -> None:
    store = world.store(HOLDING)
    await store.claim(0, "w")
    values = [entry(0, 10, sensor="xray"), entry(1, 250, sensor="xray")]
    await apply(store, "image", 2, values, 1)
    await apply(store, "video", 5, [entry(n, 100 * n + 50) for n in range(5)], 1)
    await store.tick(0, {"image": 20, "video": 20}, 20)
    await apply(store, "video", 6, [entry(5, 900)], 20, caught_up=("image", "video"))
    assert used(await drain(store, 0, 20), "xray") == {
        0: [0],
        100: [0],
        200: [1],
        300: [1],
        400: [1],
    }


async def test_a_held_value_is_not_committed_before_it_is_superseded(world: World) -> None:
    store = world.store(HOLDING)
    await store.claim(0, "w")
    await apply(store, "image", 1, [entry(0, 10, sensor="xray")], 1)
    await apply(store, "video", 3, [entry(0, 50), entry(1, 150), entry(2, 350)], 1)
    await store.tick(0, {"image": 20, "video": 20}, 20)
    assert len(await drain(store, 0, 20)) == 2
    assert await committable(store, "image") == 0
    await apply(store, "image", 2, [entry(1, 340, sensor="xray")], 21)
    await apply(store, "image", 3, [entry(2, 640, sensor="xray")], 21)
    await apply(store, "video", 4, [entry(3, 600)], 21)
    await drain(store, 0, 22)
    assert await committable(store, "image") == 1


async def test_a_held_value_that_is_too_old_for_every_later_window_is_committed(
    world: World,
) -> None:
    store = world.store(HOLDING)
    await store.claim(0, "w")
    await apply(store, "image", 1, [entry(0, 10, sensor="xray")], 1)
    await apply(store, "video", 2, [entry(0, 50), entry(1, 2_000)], 1)
    await store.tick(0, {"image": 20, "video": 20}, 20)
    await apply(store, "video", 3, [entry(2, 2_300)], 20, caught_up=("image", "video"))
    windows = await drain(store, 0, 20)
    assert used(windows, "xray") == {0: [0], 2_000: []}
    assert await committable(store, "image") == 1


async def test_a_value_older_than_the_held_one_is_late_when_its_window_is_closed(
    world: World,
) -> None:
    store = world.store(HOLDING)
    await store.claim(0, "w")
    await apply(store, "image", 1, [entry(0, 500, sensor="xray")], 1)
    applied = await apply(store, "image", 2, [entry(1, 10, sensor="xray")], 1)
    assert [late.offset for late in applied.late] == [1]


async def test_the_first_value_is_not_late_however_old_it_is(world: World) -> None:
    store = world.store(HOLDING)
    await store.claim(0, "w")
    await apply(store, "video", 2, [entry(0, 50), entry(1, 500)], 1)
    await store.tick(0, {"image": 20, "video": 20}, 20)
    assert len(await drain(store, 0, 20)) == 1
    applied = await apply(store, "image", 1, [entry(0, 10, sensor="xray")], 21)
    assert applied.late == ()
    await apply(store, "video", 3, [entry(2, 900)], 22)
    await apply(store, "image", 2, [entry(1, 900, sensor="xray")], 22)
    assert used(await drain(store, 0, 23), "xray") == {500: [0]}
