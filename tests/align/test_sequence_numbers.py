"""Sequence numbers that are missing, or come again, are counted wherever windows are cut."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.align.memory import MemoryStore
from streams.align.report import sensor_uses
from streams.align.spec import AlignSpec
from streams.align.types import Entry, Restored, RestoredSession, Window
from tests.align.conftest import World
from tests.align.worlds import apply, drain, keys, rule, spec_of, tick

CAMERA = rule("video", sensors=("cam",), lateness_us=0)
TUMBLING = spec_of(CAMERA)
SLIDING = spec_of(CAMERA, every_us=50)
TRIGGERED = spec_of(CAMERA, rule("text", sensors=("asr",), lateness_us=0), trigger=(0, "cam"))


def numbered(offset: int, start_us: int, number: int | None, sensor: str = "cam") -> Entry:
    return Entry("a", sensor, offset, start_us, start_us, b"f", sequence=number)


def frames(*placed: tuple[int, int | None]) -> list[Entry]:
    """(event time, sequence number) of each."""
    return [numbered(offset, *each) for offset, each in enumerate(placed)]


async def windows_of(
    world: World, spec: AlignSpec, *placed: tuple[int, int | None]
) -> list[Window]:
    store = world.store(spec)
    await store.claim(0, "w")
    await apply(store, "video", len(placed), frames(*placed), 1)
    await tick(store, ("video",), 1_000)
    return await drain(store, 0, 1_000)


def gaps(windows: Sequence[Window]) -> dict[int, int]:
    return {w.start_us: w.tallies["cam"].gaps for w in windows if not w.over}


def repeats(windows: Sequence[Window]) -> dict[int, int]:
    return {w.start_us: w.tallies["cam"].repeats for w in windows if not w.over}


async def test_numbers_missing_between_two_windows_count_in_the_later(world: World) -> None:
    windows = await windows_of(world, TUMBLING, (50, 1), (150, 2), (250, 6))
    assert gaps(windows) == {0: 0, 100: 0, 200: 3}


async def test_numbers_missing_over_a_span_without_windows_count_after_it(world: World) -> None:
    windows = await windows_of(world, TUMBLING, (50, 1), (950, 9))
    assert gaps(windows) == {0: 0, 900: 7}


async def test_a_number_of_the_window_before_that_comes_again_is_a_repeat(world: World) -> None:
    windows = await windows_of(world, TUMBLING, (50, 1), (150, 1), (250, 2))
    assert repeats(windows) == {0: 0, 100: 1, 200: 0}


async def test_numbers_that_begin_anew_are_no_gap(world: World) -> None:
    windows = await windows_of(world, TUMBLING, (50, 700), (150, 1), (250, 2))
    assert gaps(windows) == {0: 0, 100: 0, 200: 0}


async def test_numbers_that_begin_anew_within_a_window_are_no_gap(world: World) -> None:
    windows = await windows_of(world, TUMBLING, (10, 700), (20, 702), (30, 0), (40, 3), (50, 4))
    assert gaps(windows) == {0: 1 + 2}


async def test_numbers_that_began_anew_are_counted_on_from_in_the_next_window(
    world: World,
) -> None:
    windows = await windows_of(world, TUMBLING, (10, 700), (20, 0), (130, 3))
    assert gaps(windows) == {0: 0, 100: 2}


async def test_numbers_in_disorder_within_a_window_are_no_beginning_anew(world: World) -> None:
    windows = await windows_of(world, TUMBLING, (10, 1), (20, 5), (30, 3))
    assert gaps(windows) == {0: 2}


async def test_samples_without_numbers_in_between_hide_no_gap(world: World) -> None:
    windows = await windows_of(world, TUMBLING, (50, 1), (150, None), (250, 4))
    assert gaps(windows) == {0: 0, 100: 0, 200: 2}


async def test_overlapping_windows_each_count_from_the_sample_before_them(world: World) -> None:
    windows = await windows_of(world, SLIDING, (20, 1), (70, 3), (120, 4))
    assert gaps(windows) == {-50: 0, 0: 1, 50: 1, 100: 0}


async def test_a_window_after_a_published_one_still_knows_its_last_number(world: World) -> None:
    store = world.store(TUMBLING)
    await store.claim(0, "w")
    await apply(store, "video", 2, frames((50, 1), (150, 2)), 1)
    await drain(store, 0, 1)
    await apply(store, "video", 4, frames((0, 0), (0, 0), (160, 3), (250, 4))[2:], 2)
    first = await drain(store, 0, 2)
    await apply(store, "video", 5, [numbered(4, 350, 9)], 3)
    assert gaps([*first, *await drain(store, 0, 3)]) == {100: 0, 200: 0}
    await tick(store, ("video",), 1_000)
    assert gaps(await drain(store, 0, 1_000)) == {300: 4}


async def test_the_next_owner_of_a_shard_counts_on(world: World) -> None:
    store = world.store(TUMBLING)
    await store.claim(0, "w")
    await apply(store, "video", 2, frames((50, 1), (150, 2)), 1)
    await drain(store, 0, 1)
    await store.settle(0)
    following = world.store(TUMBLING)
    await following.claim(0, "next")
    await apply(following, "video", 4, frames((0, 0), (0, 0), (250, 5), (350, 6))[2:], 2)
    assert gaps(await drain(following, 0, 2)) == {100: 0, 200: 2}


async def test_a_session_rebuilt_from_its_results_counts_on(world: World) -> None:
    store = world.store(TUMBLING)
    await store.claim(0, "w")
    past = RestoredSession("a", 100, {"cam": ("video", 100)}, numbers={"cam": 4})
    await store.restore(0, "w", Restored([past]))
    await apply(store, "video", 2, frames((150, 7), (250, 8)), 1)
    assert gaps(await drain(store, 0, 1)) == {100: 2}


async def test_a_triggered_window_counts_what_is_missing_in_it(world: World) -> None:
    store = world.store(TRIGGERED)
    await store.claim(0, "w")
    await apply(store, "video", 2, frames((0, 1), (300, 2)), 1)
    words = [numbered(n, at, n, "asr") for n, at in ((0, 50), (3, 90), (5, 350), (6, 390))]
    await apply(store, "text", 7, words, 1)
    await tick(store, ("video", "text"), 1_000)
    windows = await drain(store, 0, 1_000)
    assert {w.start_us: w.tallies["asr"].gaps for w in windows} == {0: 2, 300: 0}


async def test_a_result_has_the_number_that_the_next_window_goes_on_from(world: World) -> None:
    windows = await windows_of(world, SLIDING, (20, 1), (70, 3), (120, None))
    uses = [sensor_uses(window, SLIDING)[0]["cam"].sequence for window in windows]
    assert uses[1:3] == [1, 3]


async def test_a_result_of_samples_without_numbers_has_none(world: World) -> None:
    (window,) = await windows_of(world, TUMBLING, (20, None))
    assert not isinstance(sensor_uses(window, TUMBLING)[0]["cam"].sequence, int)


kinds = st.sampled_from((TUMBLING, SLIDING, spec_of(CAMERA, trigger=(0, "cam"), before_us=30)))
steps = st.lists(
    st.tuples(st.integers(1, 130), st.sampled_from((0, 1, 1, 1, 2, 5)), st.booleans()),
    min_size=1,
    max_size=25,
)


def _recording(steps: Sequence[tuple[int, int, bool]]) -> list[Entry]:
    at_us = number = 0
    placed: list[tuple[int, int | None]] = []
    for step_us, more, has_number in steps:
        at_us, number = at_us + step_us, number + more
        placed.append((at_us, number if has_number else None))
    return frames(*placed)


@settings(max_examples=60)
@given(steps=steps)
def test_over_a_session_the_gaps_add_up_to_all_that_is_missing(
    steps: list[tuple[int, int, bool]],
) -> None:
    log = _recording(steps)
    found = asyncio.run(_read(TUMBLING, log, random.Random(0), None))
    numbers = {e.sequence for e in log if e.sequence is not None}
    missing = max(numbers) - min(numbers) + 1 - len(numbers) if numbers else 0
    assert sum(gaps for gaps, _ in found.values()) == missing


@settings(max_examples=100)
@given(spec=kinds, steps=steps, seed=st.integers(0, 2**32), lost_at=st.integers(0, 25))
def test_neither_the_pace_nor_the_loss_of_redis_changes_what_is_counted(
    spec: AlignSpec, steps: list[tuple[int, int, bool]], seed: int, lost_at: int
) -> None:
    log = _recording(steps)
    at_once = asyncio.run(_read(spec, log, random.Random(0), None))
    assert asyncio.run(_read(spec, log, random.Random(seed), None)) == at_once
    assert asyncio.run(_read(spec, log, random.Random(seed), min(lost_at, len(log)))) == at_once


async def _read(
    spec: AlignSpec, log: Sequence[Entry], rnd: random.Random, lost_at: int | None
) -> Mapping[int, tuple[int, int]]:
    """(gaps, repeats) of each window; at ``lost_at`` only what was published is still known."""
    store = MemoryStore(spec)
    await store.claim(0, "w")
    published: list[Window] = []
    committed: dict[str, int] = {}
    at = 0

    async def publish(limit: int, now_ms: int) -> None:
        while leased := await store.lease(0, limit, now_ms, 1_000):
            published.extend(window for window in leased if not window.over)
            committed.update(await store.ack(0, keys(leased), [], {}))

    while at < len(log):
        if lost_at is not None and at >= lost_at:
            lost_at = None
            await store.restore(0, "w", _past(spec, published, committed))
            at = committed.get("video", 0)
        many = rnd.randint(1, 5)
        await apply(
            store, "video", log[min(at + many, len(log)) - 1].offset + 1, log[at:][:many], 1
        )
        at += many
        if rnd.random() < 0.6:
            await publish(rnd.randint(1, 3), 1)
    await tick(store, ("video",), 2_000)
    await publish(3, 2_000)
    return {w.start_us: (w.tallies["cam"].gaps, w.tallies["cam"].repeats) for w in published}


def _past(spec: AlignSpec, published: Sequence[Window], committed: Mapping[str, int]) -> Restored:
    """What ``history.restore_from`` makes of the results."""
    if not published:
        return Restored()
    numbers: dict[str, int] = {}
    done: set[int] = set()
    for window in published:
        use = sensor_uses(window, spec)[0]["cam"]
        if isinstance(use.sequence, int):
            numbers["cam"] = use.sequence
        done |= {o for o in window.tallies["cam"].offsets if o >= committed["video"]}
    session = RestoredSession(
        "a",
        published[-1].end_us,
        {"cam": ("video", published[0].end_us)},
        numbers=numbers,
    )
    return Restored([session], {"video": done}, dict(committed))
