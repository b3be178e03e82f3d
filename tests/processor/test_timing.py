"""Corrected clocks: where samples are placed, what results say of it, what is remembered."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import EnvelopeError
from schemas.result import Correction
from schemas.sample import Modality, Sample
from streams.align.clock import ShardClocks
from streams.align.types import Entry
from streams.processor.timing import Timing
from tests.processor.fakes import header, starts_ms
from tests.processor.world import World, pipeline_with

LATE_BY_300_MS = {"clock": {"offset": "-300ms"}}
FAR_OFF = {"clock": {"offset": "36500d"}}
YEAR_2160_MS = 6_000_000_000_000
ESTIMATED = {"clock": {"estimate": "offset"}}


def timing(**voice: Any) -> Timing:
    pipeline = pipeline_with(voice=voice)
    return Timing(pipeline.inputs["voice"], "voice", ShardClocks(pipeline))


def sample(offset: int, start_us: int, length_us: int = 0) -> Sample:
    return Sample(
        "s",
        "voice",
        "voice",
        Modality.AUDIO,
        start_us,
        start_us + length_us,
        "audio/pcm",
        b"",
        "p.voice",
        0,
        offset,
    )


def test_a_fixed_offset_moves_both_ends_and_is_told_in_the_entry() -> None:
    timed = timing(**LATE_BY_300_MS)
    moved = timed.correct(sample(4, 500_000, 20_000), 500)
    assert timed.entry(moved, b"f") == Entry(
        "s", "voice", 4, 200_000, 220_000, b"f", 0, None, -300_000, 0
    )


def test_the_moment_at_which_a_segment_counts_is_taken_from_its_corrected_times() -> None:
    timed = timing(**LATE_BY_300_MS, event_time="end")
    entry = timed.entry(timed.correct(sample(4, 500_000, 20_000), 500), b"f")
    assert (entry.start_us, entry.end_us) == (220_000, 220_000)


def test_a_correction_out_of_range_says_what_to_look_at() -> None:
    with pytest.raises(EnvelopeError, match="check the clock of input 'voice'") as caught:
        timing(**FAR_OFF).correct(sample(4, YEAR_2160_MS * 1000), 0)
    assert (caught.value.reason, caught.value.sensor) == ("time_out_of_range", "voice")


def test_a_sensor_may_have_a_clock_of_its_own() -> None:
    timed = timing(**LATE_BY_300_MS, sensor_clocks={"voice": {"offset": "1s"}})
    assert (timed.fixed_us("voice"), timed.fixed_us("other")) == (1_000_000, -300_000)
    assert timed.correct(sample(4, 0), 0).start_us == 1_000_000


async def test_a_corrected_sample_is_in_the_window_of_its_corrected_time() -> None:
    world = World(pipeline_with(voice=LATE_BY_300_MS))
    world.engine.feed("voice", 1_200)
    world.engine.feed("words", 500)
    await world.flush(await world.worker())
    (result,) = world.engine.results()
    assert (starts_ms([result]), result.sensors["voice"].samples) == (["00.000"], 1)


async def test_a_result_tells_the_correction_of_those_who_have_one() -> None:
    world = World(pipeline_with(voice=LATE_BY_300_MS))
    world.engine.feed("voice", 1_200)
    world.engine.feed("words", 500)
    await world.flush(await world.worker())
    (result,) = world.engine.results()
    assert result.sensors["voice"].clock == Correction(-300.0, -300.0, 0.0)
    assert result.sensors["words"].clock is None


async def test_a_sample_that_its_correction_moves_out_of_range_is_a_dead_letter() -> None:
    world = World(pipeline_with(voice=FAR_OFF))
    world.engine.feed("voice", YEAR_2160_MS)
    world.engine.feed("words", 500)
    await world.flush(await world.worker())
    (letter,) = world.engine.on("dlq")
    assert header(letter, "dlq.reason") == "time_out_of_range"
    assert sum(world.engine.committed.values()) == 2


async def test_an_invalid_sample_is_counted_in_the_window_of_its_corrected_time() -> None:
    world = World(pipeline_with(voice=LATE_BY_300_MS))
    world.engine.feed("voice", 1_200, b"bad")
    world.engine.feed("voice", 1_250, b"")
    world.engine.feed("words", 500)
    await world.flush(await world.worker())
    (result,) = world.engine.results()
    assert (starts_ms([result]), result.sensors["voice"].invalid) == (["00.000"], 2)


async def test_an_estimated_clock_is_kept_in_the_store_and_gone_on_with() -> None:
    def feed(world: World, seconds: range) -> None:
        for second in seconds:
            # The sensor's clock is 5 s behind the broker's, give or take the delay.
            world.engine.feed("voice", second * 1_000, arrival_ms=second * 1_000 + 5_000)
            world.engine.feed("words", second * 1_000 + 5_000)

    def content(world: World) -> list[tuple[str, object]]:
        return [(result.id, result.sensors) for result in world.engine.results()]

    undisturbed = World(pipeline_with(voice=ESTIMATED))
    feed(undisturbed, range(12))
    await undisturbed.flush(await undisturbed.worker())

    world = World(pipeline_with(voice=ESTIMATED))
    feed(world, range(6))
    await world.settle(await world.worker())
    second = await world.worker()
    (shard,) = second.shards
    assert shard.clocks is not None
    known = shard.clocks.correction("voice", "s", "voice")
    assert known is not None
    assert known.offset_ms > 4_000
    feed(world, range(6, 12))
    await world.flush(second)
    assert content(world) == content(undisturbed)
    assert len(content(world)) > 5
