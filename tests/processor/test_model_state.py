"""A model that keeps state of a session: given to it window by window, whatever happens between."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest

from schemas.result import STATE_HEADER, ModelRef
from streams.align.types import Window
from streams.compute import Fusion
from streams.processor.model_state import pack_state, unpack_state
from tests.processor.fakes import FakeCompute
from tests.processor.world import World, feed_seconds, pipeline_with

KIND, OTHER = "ab" * 32, "cd" * 32


class Counting(FakeCompute):
    """Its state is how many windows of the session it has seen, and so is its answer's label.

    As ``ModelCompute`` does, it gives a session's next window what the one before it left.
    """

    def __init__(self, kind: str = KIND) -> None:
        super().__init__(ModelRef("counting", kind[:2], "00"))
        self.states = kind
        #: Windows, by start, that it fails on.
        self.fails: set[int] = set()

    async def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        counts: dict[str, bytes] = {}
        answers = []
        for window in windows:
            before = counts.get(window.session, window.model_state)
            if window.start_us in self.fails:
                answers.append(Fusion({}, {}, failure="fusion_failed"))
                continue
            after = counts[window.session] = b"%d" % (int(before or b"0") + 1)
            answers.append(Fusion({"nth": {after.decode(): 1.0}}, {}, state=after))
        return answers


@pytest.fixture
def world() -> World:
    return World(pipeline_with(events=()), compute=Counting())


def counted(world: World) -> list[str]:
    """What the model answered for each window, in order of time, each window once."""
    once = {result.window.start: result for result in world.engine.results()}
    return [
        once[start].tasks["nth"].label if once[start].tasks else "none" for start in sorted(once)
    ]


async def test_each_window_is_given_what_the_one_before_it_left(world: World) -> None:
    feed_seconds(world, 4)
    await world.flush(await world.worker())
    assert counted(world) == ["1", "2", "3", "4"]


async def test_the_next_batch_goes_on_where_the_last_one_stopped(world: World) -> None:
    processor = await world.worker()
    feed_seconds(world, 3)
    await world.settle(processor)
    feed_seconds(world, 3, phase_ms=3_000)
    await world.flush(processor)
    assert counted(world) == ["1", "2", "3", "4", "5", "6"]


async def test_another_worker_goes_on_where_the_last_one_stopped(world: World) -> None:
    feed_seconds(world, 3)
    await world.settle(await world.worker())
    feed_seconds(world, 3, phase_ms=3_000)
    await world.flush(await world.worker())
    assert counted(world) == ["1", "2", "3", "4", "5", "6"]


async def test_state_comes_back_from_the_results_when_the_store_is_lost(world: World) -> None:
    feed_seconds(world, 3)
    await world.settle(await world.worker())
    world.backend.wipe()
    feed_seconds(world, 3, phase_ms=3_000)
    await world.flush(await world.worker())
    assert counted(world) == ["1", "2", "3", "4", "5", "6"]


async def test_a_window_that_fails_leaves_the_state_as_it_was(world: World) -> None:
    assert isinstance(world.compute, Counting)
    world.compute.fails = {1_000_000}
    feed_seconds(world, 4)
    await world.flush(await world.worker())
    assert counted(world) == ["1", "none", "2", "3"]


async def test_the_result_of_a_failed_window_carries_the_state_on(world: World) -> None:
    assert isinstance(world.compute, Counting)
    world.compute.fails = {1_000_000}
    feed_seconds(world, 3)
    await world.settle(await world.worker())
    world.backend.wipe()
    feed_seconds(world, 1, phase_ms=3_000)
    await world.flush(await world.worker())
    assert counted(world) == ["1", "none", "2", "3"]


async def test_state_of_another_kind_is_not_used_and_that_is_said(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    feed_seconds(world, 3)
    processor = await world.worker()
    await world.settle(processor)
    feed_seconds(world, 2, phase_ms=3_000)
    await processor.exchange_model(Counting(OTHER))
    with caplog.at_level(logging.WARNING):
        await world.flush(processor)
    assert counted(world) == ["1", "2", "1", "2", "3"]
    assert "state that another model made" in caplog.text


async def test_a_model_of_the_same_kind_goes_on_with_the_state(world: World) -> None:
    feed_seconds(world, 3)
    processor = await world.worker()
    await world.settle(processor)
    feed_seconds(world, 2, phase_ms=3_000)
    await processor.exchange_model(Counting())
    await world.flush(processor)
    assert counted(world) == ["1", "2", "3", "4", "5"]


async def test_a_session_begins_anew_after_its_end(world: World) -> None:
    feed_seconds(world, 2)
    for name in ("voice", "words"):
        world.engine.end_session(name)
    processor = await world.worker()
    await world.flush(processor)
    feed_seconds(world, 2, phase_ms=10_000)
    await world.flush(processor)
    assert counted(world) == ["1", "2", "1", "2"]


async def test_results_of_a_model_without_state_have_no_header_for_it() -> None:
    world = World()
    feed_seconds(world, 3)
    await world.flush(await world.worker())
    assert not any(STATE_HEADER in dict(each.headers) for each in world.engine.on("results"))


def test_state_is_kept_with_its_kind() -> None:
    kept = pack_state(KIND, b"tracks")
    assert (unpack_state(KIND, kept), unpack_state(OTHER, kept), unpack_state("", kept)) == (
        b"tracks",
        b"",
        b"",
    )
