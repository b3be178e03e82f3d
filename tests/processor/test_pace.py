"""Whose reader is held back: what the engine is told, and that no window suffers by it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from streams.align.types import Entry
from streams.metrics import Metrics
from streams.processor.pace import Pace, max_ahead_us
from streams.processor.progress import PATIENCE_MS, InputProgress
from streams.processor.shard import Shard
from streams.records import TopicPartition
from tests.processor.fakes import FakeEngine
from tests.processor.world import VOICE, WORDS, World, pipeline_with

NOW_MS = 100_000
S = 1_000_000


class Desk:
    """A pace over shards whose inputs are as far as a test says."""

    def __init__(self, **changes: Any) -> None:
        self.pipeline = pipeline_with(**changes)
        self.engine = FakeEngine(self.pipeline, lambda: NOW_MS)
        self.metrics = Metrics("p")
        self.pace = Pace(self.pipeline, self.engine, self.metrics)

    def shard(self, number: int = 0, **newest_s: float) -> Shard:
        """One whose inputs have something unread, and moved just now."""
        shard = Shard(number)
        shard.progress = {
            name: InputProgress(newest_us=round(at_s * S), moved_ms=NOW_MS)
            for name, at_s in newest_s.items()
        }
        return shard

    def held(self, *shards: Shard, now_ms: int = NOW_MS) -> set[TopicPartition]:
        self.pace.hold_back(shards, now_ms)
        return set(self.engine.held)

    @property
    def told(self) -> float:
        labels = {"pipeline": "p"}
        return (
            self.metrics.registry.get_sample_value("sensorium_held_back_partitions", labels) or 0.0
        )


def test_the_engine_is_told_exactly_the_partitions_that_are_too_far_ahead() -> None:
    desk = Desk(partitions=3)
    apart = desk.shard(0, voice=100, words=0)
    together = desk.shard(1, voice=100, words=99)
    other_way = desk.shard(2, voice=0, words=100)
    assert desk.held(apart, together, other_way) == {
        TopicPartition("p.voice", 0),
        TopicPartition("p.words", 2),
    }


def test_what_is_no_longer_too_far_ahead_is_released() -> None:
    desk = Desk()
    assert desk.held(desk.shard(voice=100, words=0)) == {VOICE}
    assert desk.held(desk.shard(voice=100, words=95)) == set()


def test_the_engine_hears_nothing_as_long_as_nobody_is_held_back() -> None:
    desk = Desk()
    desk.held(desk.shard(voice=1, words=0))
    desk.held(desk.shard(voice=1, words=0))
    assert desk.engine.holds == []


def test_what_is_held_back_is_said_again_each_time() -> None:
    desk = Desk()
    for _ in range(3):
        desk.held(desk.shard(voice=100, words=0))
    assert desk.engine.holds == [frozenset({VOICE})] * 3


def test_a_shard_that_is_given_up_is_held_back_no_longer() -> None:
    desk = Desk()
    desk.held(desk.shard(voice=100, words=0))
    assert desk.held() == set()


def test_an_input_that_does_not_move_is_not_waited_for() -> None:
    desk = Desk()
    shard = desk.shard(voice=100, words=0)
    shard.progress["words"].moved_ms = NOW_MS - PATIENCE_MS
    assert desk.held(shard) == set()


def test_by_default_an_input_may_be_eight_windows_and_the_lateness_ahead() -> None:
    assert max_ahead_us(pipeline_with(window={"size": "2s"})) == 16 * S + 100_000


def test_the_allowed_lateness_of_results_counts_in_the_default() -> None:
    late = pipeline_with(window={"size": "2s"}, results={"allowed_lateness": "3s"})
    assert max_ahead_us(late) == 19 * S + 100_000


def test_with_short_windows_an_input_may_still_be_five_seconds_ahead() -> None:
    assert max_ahead_us(pipeline_with(window={"size": "10ms"})) == 5 * S


def test_the_pipeline_file_may_say_how_far_ahead() -> None:
    assert max_ahead_us(pipeline_with(limits={"max_ahead": "1500ms"})) == 1_500_000
    desk = Desk(limits={"max_ahead": timedelta(milliseconds=1500)})
    assert desk.held(desk.shard(voice=1.5, words=0)) == set()
    assert desk.held(desk.shard(voice=1.6, words=0)) == {VOICE}


def test_over_the_shards_bytes_all_but_the_slowest_are_held_back_whatever_they_shed() -> None:
    desk = Desk(voice={"overload": "drop_oldest"}, limits={"max_shard_bytes": 1_000})
    shard = desk.shard(voice=1, words=0)
    shard.size = 1_000
    assert desk.held(shard) == set()
    shard.size = 1_001
    assert desk.held(shard) == {VOICE}


@pytest.mark.parametrize(("overload", "held"), [("wait", {VOICE}), ("drop_newest", set())])
def test_a_full_session_holds_back_only_inputs_that_wait(
    overload: str, held: set[TopicPartition]
) -> None:
    desk = Desk(voice={"overload": overload})
    shard = desk.shard(voice=1, words=0)
    shard.full = True
    assert desk.held(shard) == held


def test_how_many_are_held_back_is_measured() -> None:
    desk = Desk()
    desk.held(desk.shard(voice=100, words=0))
    assert desk.told == 1
    desk.held(desk.shard(voice=100, words=100))
    assert desk.told == 0


def test_the_newest_event_time_does_not_go_back() -> None:
    desk = Desk()
    shard = desk.shard(voice=5, words=0)
    for start_us in (7 * S, 6 * S):
        entries = [Entry("s", "voice", 0, start_us, start_us, b"")]
        desk.pace.note_applied(shard, "voice", entries, NOW_MS + 1)
    voice = shard.progress["voice"]
    assert (voice.newest_us, voice.moved_ms) == (7 * S, NOW_MS + 1)


# -- in a worker ---------------------------------------------------------------------------------


async def test_a_sensor_whose_reader_is_held_back_does_not_fall_idle() -> None:
    """It is silent only because nobody listens to it."""
    world = World(pipeline_with(limits={"max_ahead": "2s"}))
    processor = await world.worker()
    for second in range(10):
        world.engine.feed("voice", second * 1000)
    world.engine.feed("words", 0)
    await world.engine.deliver(processor)
    for second in range(1, 30):
        world.engine.feed("words", second * 1000)
    await processor.on_tick(world.now_ms)
    assert world.engine.held == {VOICE}
    for second in range(10, 30):
        world.engine.feed("voice", second * 1000)
    for _ in range(4):
        world.now_ms += 1_000
        await world.engine.turn(processor, 1)
        await processor.on_tick(world.now_ms)
    # Longer than idle_after, and now the slow input overtakes the one that is held back.
    await world.engine.turn(processor, 30)
    await world.flush(processor)
    assert world.engine.on("late") == []
    assert [r.sensors["voice"].samples for r in world.engine.results()] == [1] * 30


async def test_a_backlog_read_with_and_without_holding_back_gives_the_same_windows() -> None:
    def backlog(max_ahead: str) -> World:
        world = World(pipeline_with(limits={"max_ahead": max_ahead}))
        for k in range(160):
            world.engine.feed("voice", k * 250)
        for k in range(40):
            world.engine.feed("words", k * 1000)
        return world

    free = backlog("1h")
    await free.flush(await free.worker())

    world = backlog("2s")
    processor = await world.worker()
    held: set[frozenset[TopicPartition]] = set()
    while any(world.engine.position[tp] < len(world.engine.log[tp]) for tp in (VOICE, WORDS)):
        world.now_ms += 10
        await world.engine.turn(processor, 3)
        await processor.on_tick(world.now_ms)
        held.add(world.engine.held)
    await world.flush(processor)
    assert held == {frozenset(), frozenset({WORDS})}
    assert [(r.id, r.tasks, r.sensors) for r in world.engine.results()] == [
        (r.id, r.tasks, r.sensors) for r in free.engine.results()
    ]
    assert len(free.engine.results()) == 40


async def test_a_full_shard_with_nothing_left_to_read_is_not_stuck() -> None:
    world = World(pipeline_with(limits={"max_session_bytes": 100}))
    processor = await world.worker()
    for k in range(8):
        world.engine.feed("voice", k * 100)
    await world.settle(processor)
    (shard,) = processor.shards
    assert shard.full
    await world.flush(processor)
    assert [r.sensors["voice"].samples for r in world.engine.results()] == [8]
    assert not shard.full
