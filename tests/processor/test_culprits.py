"""What becomes of a record that the model fails on, and in which order."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas.result import Result
from streams.align.types import Window
from streams.compute import Culprit, Fusion
from streams.errors import PublishError
from tests.processor.fakes import FakeCompute, header
from tests.processor.world import VOICE, World, feed_seconds, pipeline_with

POISON = b"poison"


class Failing(FakeCompute):
    """Blames the poisoned sample of a window, or none where ``blind``."""

    blind = False

    def _answer(self, window: Window) -> Fusion:
        for sample in window.samples:
            if sample.feature == POISON:
                if self.blind:
                    return Fusion({}, {}, failure="fusion_failed")
                answer = super()._answer(window)
                culprit = Culprit(sample.input, sample.offset, "fusion_failed", "E", "it failed")
                return msgspec.structs.replace(answer, culprit=culprit)
        return super()._answer(window)


def failure_of(result: Result) -> str | None:
    return None if result.failure is msgspec.UNSET else result.failure


def world_with_poison(**changes: Any) -> World:
    """Three seconds of two sensors, four samples a second; one of the voice's is poisoned."""
    world = World(compute=Failing(), **changes)
    feed_seconds(world, 1)
    world.engine.feed("voice", 1_000, POISON)
    for at_ms in (1_250, 1_500, 2_000):
        world.engine.feed("voice", at_ms)
    for at_ms in (1_010, 2_010):
        world.engine.feed("words", at_ms)
    return world


async def test_the_culprit_is_a_dead_letter_with_its_bytes_and_headers() -> None:
    world = world_with_poison()
    await world.flush(await world.worker())
    (letter,) = world.engine.on("dlq")
    original = world.engine.log[VOICE][4]
    assert (letter.key, letter.value) == (original.key, POISON)
    assert list(letter.headers)[: len(original.headers)] == list(original.headers)
    assert header(letter, "dlq.original.offset") == "4"
    assert header(letter, "dlq.stage") == "fuse"
    assert header(letter, "dlq.reason") == "fusion_failed"


async def test_the_culprit_counts_as_invalid_in_its_windows_result_alone() -> None:
    world = world_with_poison()
    await world.flush(await world.worker())
    uses = [result.sensors["voice"] for result in world.engine.results()]
    assert [(use.samples, use.used, use.invalid) for use in uses] == [
        (4, 4, 0),
        (3, 2, 1),
        (1, 1, 0),
    ]


async def test_the_dead_letter_is_there_before_the_result() -> None:
    world = world_with_poison()
    await world.flush(await world.worker())
    topics = [record.topic for record in world.engine.published]
    second = [n for n, topic in enumerate(topics) if topic == "p.results"][1]
    assert topics.index("p.dlq") < second


async def test_nothing_is_committed_that_a_dead_letter_is_missing_of() -> None:
    world = world_with_poison()
    worker = await world.worker()
    await world.engine.deliver(worker)
    world.engine.refuse_publishing = True
    world.now_ms += 60_000
    await worker.on_tick(world.now_ms)
    with pytest.raises(PublishError):
        await worker.publish_due()
    assert world.engine.committed[VOICE] == 0


async def test_a_culprit_that_several_windows_meet_is_one_dead_letter() -> None:
    held = pipeline_with(voice={"matcher": {"kind": "hold", "max_age": "1h"}})
    world = World(pipeline=held, compute=Failing())
    world.engine.feed("voice", 0, POISON)
    for second in range(5):
        world.engine.feed("words", second * 1_000)
    await world.flush(await world.worker())
    results = world.engine.results()
    assert [result.sensors["voice"].absent for result in results] == ["invalid"] * len(results)
    assert len(results) > 2
    assert len(world.engine.on("dlq")) == 1


async def test_a_culprit_that_the_broker_keeps_no_more_does_not_stop_the_worker(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = world_with_poison()
    world.engine.gone.add(4)
    await world.flush(await world.worker())
    assert world.engine.on("dlq") == []
    assert len(world.engine.results()) == 3
    assert "no longer there" in caplog.text


async def test_a_window_that_nobody_is_to_blame_for_is_a_result_that_says_so() -> None:
    world = world_with_poison()
    assert isinstance(world.compute, Failing)
    world.compute.blind = True
    await world.flush(await world.worker())
    results = world.engine.results()
    assert [failure_of(result) for result in results] == [None, "fusion_failed", None]
    assert results[1].tasks == {}
    assert results[1].sensors["voice"].used == 3
    assert world.engine.on("dlq") == []


async def test_an_event_goes_on_over_a_window_without_an_answer() -> None:
    world = World(compute=Failing())
    assert isinstance(world.compute, Failing)
    world.compute.blind = True
    for second, payload in enumerate((b"loud", POISON, b"loud", b"calm")):
        world.engine.feed("voice", second * 1_000, payload)
    await world.flush(await world.worker())
    assert [event.action for event in world.engine.events()] == ["opened", "closed"]
