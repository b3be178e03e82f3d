"""Another model takes over while windows are open: what it answers, and what is encoded again."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from schemas.result import ModelRef, Result
from streams.processor.pipeline import PipelineProcessor
from tests.processor.fakes import MODEL, FakeCompute
from tests.processor.world import WORDS, World, feed_seconds, pipeline_with

NEW = ModelRef("fake", "2", "11")


def same_features() -> FakeCompute:
    return FakeCompute(NEW)


def other_features() -> FakeCompute:
    return FakeCompute(NEW, mark=b"new:")


@pytest.fixture
def world() -> World:
    return World()


async def exchanged(
    world: World, processor: PipelineProcessor, compute: FakeCompute
) -> PipelineProcessor:
    """The processor after the exchange, its shards settled."""
    assert await processor.exchange_model(compute)
    for shard in processor.shards:
        await shard.settled.wait()
    return processor


def content(results: list[Result]) -> list[tuple[str, object, object, object]]:
    return [(each.id, each.tasks, each.sensors, each.final) for each in results]


async def undisturbed(seconds: int) -> list[tuple[str, object, object, object]]:
    world = World()
    feed_seconds(world, seconds)
    await world.flush(await world.worker())
    return content(world.engine.results())


@pytest.mark.parametrize("candidate", [same_features, other_features])
async def test_windows_before_the_exchange_are_the_former_models_and_all_after_the_new_ones(
    world: World, candidate: type[FakeCompute]
) -> None:
    processor = await world.worker()
    feed_seconds(world, 3)
    await world.settle(processor)
    await exchanged(world, processor, candidate())
    world.engine.log = (whole := World()).engine.log
    feed_seconds(whole, 6)
    await world.flush(processor)
    assert [each.model for each in world.engine.results()] == [MODEL] * 2 + [NEW] * 4


@pytest.mark.parametrize("candidate", [same_features, other_features])
async def test_an_exchange_loses_no_window_and_doubles_none(
    world: World, candidate: type[FakeCompute]
) -> None:
    processor = await world.worker()
    feed_seconds(world, 3)
    await world.settle(processor)
    await exchanged(world, processor, candidate())
    world.engine.log = (whole := World()).engine.log
    feed_seconds(whole, 6)
    await world.flush(processor)
    assert content(world.engine.results()) == await undisturbed(6)
    assert world.engine.committed[WORDS] == 24


async def test_features_that_stay_the_same_are_not_encoded_again(world: World) -> None:
    processor = await world.worker()
    feed_seconds(world, 3)
    await world.settle(processor)
    await exchanged(world, processor, candidate := same_features())
    await world.flush(processor)
    assert candidate.encoded == []
    assert max(Counter(world.compute.encoded).values()) == 1


async def test_only_what_no_final_result_has_is_encoded_again(world: World) -> None:
    processor = await world.worker()
    feed_seconds(world, 3)
    await world.settle(processor)
    open_from = 8  # the third second: four samples a second and sensor
    await exchanged(world, processor, candidate := other_features())
    await world.flush(processor)
    assert {offset for _, offset in candidate.encoded} == set(range(open_from, 12))


async def test_a_batch_under_way_is_published_as_the_former_models_before_the_exchange(
    world: World,
) -> None:
    processor = await world.worker()
    world.compute.gate.clear()
    feed_seconds(world, 3)
    await world.engine.deliver(processor)
    await world.compute.fusing.wait()
    exchange = asyncio.create_task(exchanged(world, processor, other_features()))
    world.compute.gate.set()
    await exchange
    assert [each.model for each in world.engine.results()] == [MODEL] * 2
    await world.flush(processor)
    assert content(world.engine.results()) == await undisturbed(3)


async def test_the_former_model_is_in_use_until_its_last_call_has_returned(world: World) -> None:
    processor = await world.worker()
    world.compute.gate.clear()
    feed_seconds(world, 3)
    await world.engine.deliver(processor)
    await world.compute.fusing.wait()
    exchange = asyncio.create_task(processor.exchange_model(same_features()))
    await asyncio.sleep(0)
    assert not exchange.done()
    world.compute.gate.set()
    assert await exchange


async def test_a_chunk_that_the_former_model_encoded_is_read_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor = await world.worker()
    feed_seconds(world, 3)
    encoding, go_on = asyncio.Event(), asyncio.Event()
    encode = world.compute.encode

    async def slow(samples):  # type: ignore[no-untyped-def]
        encoding.set()
        await go_on.wait()
        return await encode(samples)

    monkeypatch.setattr(world.compute, "encode", slow)
    delivery = asyncio.create_task(world.engine.deliver(processor, chunk_records=100))
    await encoding.wait()
    exchange = asyncio.create_task(exchanged(world, processor, other_features()))
    (shard,) = processor.shards
    await asyncio.sleep(0)
    assert not shard.settled.is_set()
    await shard.settled.wait()
    go_on.set()
    await exchange
    await delivery
    await world.flush(processor)
    assert content(world.engine.results()) == await undisturbed(3)


async def test_a_session_keeps_its_event_over_an_exchange(world: World) -> None:
    processor = await world.worker()
    for k in range(12):
        world.engine.feed("voice", k * 250, b"loud")
        world.engine.feed("words", k * 250 + 10, b"loud")
    await world.settle(processor)
    await exchanged(world, processor, other_features())
    await world.flush(processor)
    opened = [each for each in world.engine.events() if each.action == "opened"]
    assert len(opened) == 1


async def test_a_held_value_is_encoded_again_by_the_new_model() -> None:
    held = {"matcher": {"kind": "hold", "max_age": "1m"}, "expected": False}
    world = World(pipeline=pipeline_with(words=held))
    processor = await world.worker()
    # The second note lets the first window close; the first is held for the window after it.
    world.engine.feed("words", 0, b"loud")
    world.engine.feed("words", 2_050, b"loud")
    for k in range(12):
        world.engine.feed("voice", k * 250)
    await world.settle(processor)
    assert len(world.engine.results()) == 1
    await exchanged(world, processor, candidate := other_features())
    await world.flush(processor)
    assert ("words", 0) in candidate.encoded
    assert [each.sensors["words"].used for each in world.engine.results()] == [1, 1, 1]


async def test_a_worker_with_another_model_takes_a_shard_over(world: World) -> None:
    feed_seconds(world, 3)
    await world.settle(await world.worker())
    world.compute = other_features()
    second = await world.worker()
    await world.flush(second)
    assert [each.model for each in world.engine.results()] == [MODEL] * 2 + [NEW]
    assert content(world.engine.results()) == await undisturbed(3)


async def test_a_shard_that_is_taken_over_during_an_exchange_is_claimed_for_the_new_model(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed_seconds(world, 3)
    await world.settle(await world.worker())
    world.engine.log, kept = {tp: log[:] for tp, log in world.engine.log.items()}, world.engine.log
    second = await world.idle_worker()
    reading, go_on = asyncio.Event(), asyncio.Event()
    claim = world.store.claim

    async def slow(shard, owner):  # type: ignore[no-untyped-def]
        answer = await claim(shard, owner)
        reading.set()
        await go_on.wait()
        return answer

    monkeypatch.setattr(world.store, "claim", slow)
    assignment = asyncio.create_task(world.engine.assign(second))
    await reading.wait()
    assert await second.exchange_model(other_features())
    go_on.set()
    await assignment
    world.engine.log = kept
    await world.flush(second)
    assert content(world.engine.results()) == await undisturbed(3)


async def test_a_worker_that_drains_keeps_its_model(world: World) -> None:
    processor = await world.worker()
    await processor.drain()
    assert not await processor.exchange_model(same_features())


async def test_a_store_that_is_wiped_during_an_exchange_changes_no_result(world: World) -> None:
    processor = await world.worker()
    feed_seconds(world, 3)
    await world.settle(processor)
    world.backend.wipe()
    await exchanged(world, processor, other_features())
    world.engine.log = (whole := World()).engine.log
    feed_seconds(whole, 6)
    await world.flush(processor)
    assert content(world.engine.results()) == await undisturbed(6)


async def test_models_that_are_exchanged_faster_than_shards_recover_leave_the_last_one(
    world: World,
) -> None:
    processor = await world.worker()
    feed_seconds(world, 3)
    await world.settle(processor)
    for candidate in (other_features(), FakeCompute(MODEL), other_features()):
        assert await processor.exchange_model(candidate)
    await world.flush(processor)
    assert content(world.engine.results()) == await undisturbed(3)
    assert world.engine.results()[-1].model == NEW
