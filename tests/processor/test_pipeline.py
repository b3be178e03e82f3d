"""The processor's promises without servers: what is published, when, and what is committed."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.pipeline import Pipeline
from streams.align.memory import MemoryStore
from streams.align.types import WindowKey
from streams.errors import PublishError
from tests.processor.fakes import FakeEngine, header, starts_ms
from tests.processor.world import PIPELINE, VOICE, WORDS, World, feed_seconds


@pytest.fixture
def world() -> World:
    return World()


async def test_every_window_gets_one_result_and_samples_add_up(world: World) -> None:
    fed = feed_seconds(world, 5)
    await world.flush(await world.worker())
    results = world.engine.results()
    assert starts_ms(results) == ["00.000", "01.000", "02.000", "03.000", "04.000"]
    assert sum(use.samples for result in results for use in result.sensors.values()) == fed


async def test_everything_finished_is_committed_after_a_flush(world: World) -> None:
    feed_seconds(world, 3)
    await world.flush(await world.worker())
    assert world.engine.committed == {VOICE: 12, WORDS: 12}


async def test_an_offset_is_not_committed_while_its_window_is_open(world: World) -> None:
    feed_seconds(world, 2)
    await world.settle(await world.worker())
    assert len(world.engine.results()) == 1
    assert world.engine.committed == {VOICE: 4, WORDS: 4}


async def test_a_bad_sample_is_a_dead_letter_and_its_window_says_so(world: World) -> None:
    feed_seconds(world, 1)
    offset = world.engine.feed("voice", 500, b"bad")
    await world.flush(await world.worker())
    (letter,) = world.engine.on("dlq")
    assert (header(letter, "dlq.reason"), header(letter, "dlq.original.offset")) == (
        "unreadable",
        str(offset),
    )
    assert letter.value == b"bad"
    (result,) = world.engine.results()
    assert (result.sensors["voice"].samples, result.sensors["voice"].invalid) == (4, 1)


async def test_a_record_without_a_session_is_a_dead_letter_and_is_committed(world: World) -> None:
    world.engine.feed("voice", 0, session=None)
    await world.flush(await world.worker())
    assert header(world.engine.on("dlq")[0], "dlq.reason") == "missing_session"
    assert world.engine.committed[VOICE] == 1


async def test_a_late_sample_goes_to_the_late_topic_with_its_distance(world: World) -> None:
    feed_seconds(world, 3)
    world.engine.feed("voice", 100, b"straggler")
    await world.flush(await world.worker())
    (late,) = world.engine.on("late")
    assert late.value == b"straggler"
    assert float(header(late, "late.by_ms")) > 0
    assert world.engine.committed[VOICE] == 13


async def test_nothing_is_committed_when_publishing_fails(world: World) -> None:
    feed_seconds(world, 3)
    processor = await world.worker()
    world.engine.refuse_publishing = True
    with pytest.raises(PublishError):
        await world.flush(processor)
    assert set(world.engine.committed.values()) == {0}


async def test_a_dead_letter_that_is_refused_leaves_its_offset_uncommitted(world: World) -> None:
    world.engine.feed("voice", 0, b"bad")
    processor = await world.worker()
    world.engine.refuse_publishing = True
    with pytest.raises(PublishError):
        await world.settle(processor)
    assert world.engine.committed[VOICE] == 0


async def test_a_worker_that_dies_before_acknowledging_repeats_the_same_results(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed_seconds(world, 4)
    first = await world.worker()
    acknowledge = MemoryStore.ack

    async def dies(store: MemoryStore, shard: int, windows: list[WindowKey], *rest: Any) -> Any:
        if windows:
            raise RuntimeError("the worker died here")
        return await acknowledge(store, shard, windows, *rest)

    monkeypatch.setattr(MemoryStore, "ack", dies)
    with pytest.raises(RuntimeError):
        await world.settle(first)
    monkeypatch.undo()
    published = {result.id: result.tasks for result in world.engine.results()}
    assert published
    await world.flush(await world.worker())
    for result in world.engine.results():
        assert result.tasks == published.setdefault(result.id, result.tasks)
    assert len(published) == 4


async def test_a_new_worker_does_not_encode_again_what_the_store_has(world: World) -> None:
    feed_seconds(world, 2)
    await world.settle(await world.worker())
    before = len(world.compute.encoded)
    await world.flush(await world.worker())
    assert len(world.compute.encoded) == before
    assert len(world.engine.results()) == 2


@pytest.mark.parametrize("seconds_before_the_wipe", [1, 2, 3, 4])
async def test_a_wiped_store_changes_no_result_and_doubles_none(
    world: World, seconds_before_the_wipe: int
) -> None:
    undisturbed = World()
    feed_seconds(undisturbed, 6)
    await undisturbed.flush(await undisturbed.worker())

    processor = await world.worker()
    feed_seconds(world, seconds_before_the_wipe)
    await world.settle(processor)
    world.backend.wipe()
    world.engine.log = undisturbed.engine.log
    await world.flush(processor)

    def content(engine: FakeEngine) -> list[tuple[str, object, object]]:
        return [(each.id, each.tasks, each.sensors) for each in engine.results()]

    assert content(world.engine) == content(undisturbed.engine)
    assert world.engine.committed == undisturbed.engine.committed


async def test_a_wiped_store_gives_a_sample_near_two_windows_to_the_second_again() -> None:
    nearest = {"kind": "nearest", "tolerance": "600ms", "reference": "start"}
    voice = {**PIPELINE.model_dump()["inputs"]["voice"], "matcher": nearest}
    pipeline = Pipeline.model_validate(
        {
            **PIPELINE.model_dump(exclude={"inputs"}),
            "inputs": {**PIPELINE.model_dump()["inputs"], "voice": voice},
        }
    )

    async def run(seconds_before_the_wipe: int) -> list[tuple[str, object, object]]:
        world = World(pipeline=pipeline)
        processor = await world.worker()
        feed_seconds(world, seconds_before_the_wipe, voice=b"loud", phase_ms=200)
        await world.settle(processor)
        world.backend.wipe()
        whole = World(pipeline=pipeline)
        feed_seconds(whole, 6, voice=b"loud", phase_ms=200)
        world.engine.log = whole.engine.log
        await world.flush(processor)
        return [(each.id, each.tasks, each.sensors) for each in world.engine.results()]

    calm = await run(0)
    assert len(calm) == 6
    for seconds in (2, 3, 4):
        assert await run(seconds) == calm


async def test_a_takeover_does_not_repeat_a_dead_letter(world: World) -> None:
    feed_seconds(world, 1)
    world.engine.feed("voice", 900, session=None)
    await world.settle(await world.worker())
    await world.flush(await world.worker())
    assert len(world.engine.on("dlq")) == 1


async def test_events_go_on_over_a_wiped_store(world: World) -> None:
    processor = await world.worker()
    for k in range(24):
        payload = b"loud" if 4 <= k < 16 else b"calm"
        world.engine.feed("voice", k * 250, payload)
        world.engine.feed("words", k * 250 + 10, payload)
        if k == 12:
            await world.settle(processor)
            world.backend.wipe()
    await world.flush(processor)
    assert [header(each, "ce_type").split(".")[2] for each in world.engine.on("events")] == [
        "opened",
        "closed",
    ]


async def test_a_revoked_shard_takes_no_more_effect(world: World) -> None:
    processor = await world.worker()
    await processor.on_revoked([VOICE, WORDS])
    feed_seconds(world, 3)
    await world.flush(processor)
    assert world.engine.results() == []
    assert set(world.engine.committed.values()) == {0}


async def test_a_fenced_worker_takes_its_shard_back_only_through_its_commits(world: World) -> None:
    feed_seconds(world, 2)
    first = await world.worker()
    await world.settle(first)
    second = await world.worker()
    feed_seconds(world, 2)
    await world.flush(second)
    ids = [result.id for result in world.engine.results()]
    assert len(ids) == len(set(ids))


async def test_draining_publishes_what_is_due_and_commits_it(world: World) -> None:
    feed_seconds(world, 3)
    processor = await world.worker()
    await world.engine.deliver(processor)
    await processor.drain()
    assert starts_ms(world.engine.results()) == ["00.000", "01.000"]
    assert world.engine.committed == {VOICE: 8, WORDS: 8}
