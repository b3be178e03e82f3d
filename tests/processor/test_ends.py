"""Sessions that are over: their last windows, and their open events, closed exactly once."""

from __future__ import annotations

from typing import Any

import pytest

from streams.align.memory import MemoryStore
from streams.align.types import WindowKey
from tests.processor.fakes import FakeEngine
from tests.processor.world import VOICE, WORDS, World, feed_seconds, pipeline_with


@pytest.fixture
def world() -> World:
    return World()


def feed_loud(world: World, seconds: int = 3) -> None:
    """Both sensors loud for so many seconds, so that an event is open at the end."""
    for k in range(4 * seconds):
        world.engine.feed("voice", k * 250, b"loud")
        world.engine.feed("words", k * 250 + 10, b"loud")


def end(world: World) -> None:
    for name in ("voice", "words"):
        world.engine.end_session(name)


def told(engine: FakeEngine) -> list[tuple[str, str]]:
    """Action and end of every event, in order."""
    return [(event.action, event.until[-7:-1]) for event in engine.events()]


async def test_markers_publish_the_last_window_without_waiting_for_silence(world: World) -> None:
    feed_seconds(world, 3)
    end(world)
    await world.settle(await world.worker())
    assert len(world.engine.results()) == 3
    assert world.engine.committed == {VOICE: 13, WORDS: 13}


async def test_a_session_that_ends_by_markers_closes_its_open_event(world: World) -> None:
    feed_loud(world)
    end(world)
    processor = await world.worker()
    for _ in range(3):
        await world.settle(processor)
        world.now_ms += 100
    assert told(world.engine) == [("opened", "01.000"), ("closed", "03.000")]


async def test_a_session_that_times_out_closes_its_open_event(world: World) -> None:
    feed_loud(world)
    processor = await world.worker()
    await world.flush(processor)
    assert told(world.engine) == [("opened", "01.000")]
    world.now_ms += 600_000
    await world.settle(processor)
    assert told(world.engine) == [("opened", "01.000"), ("closed", "03.000")]


async def test_a_closed_event_names_the_session_s_last_result(world: World) -> None:
    feed_loud(world)
    end(world)
    processor = await world.worker()
    await world.flush(processor)
    opened, closed = world.engine.events()
    assert closed.event_id == opened.event_id
    assert closed.result_id == world.engine.results()[-1].id


async def test_a_session_without_an_open_event_ends_in_silence(world: World) -> None:
    feed_seconds(world, 3)
    end(world)
    await world.flush(await world.worker())
    assert world.engine.events() == []


async def test_an_event_that_is_only_a_candidate_leaves_no_trace() -> None:
    slow = [{"name": "noise", "task": "noise", "label": "loud", "min_duration": "10s"}]
    world = World(pipeline_with(events=slow))
    feed_loud(world)
    end(world)
    await world.flush(await world.worker())
    assert world.engine.events() == []


async def test_the_end_of_a_session_is_published_once_however_long_nothing_comes(
    world: World,
) -> None:
    feed_loud(world)
    end(world)
    processor = await world.worker()
    for _ in range(3):
        await world.flush(processor)
    assert len(told(world.engine)) == 2


async def test_a_worker_that_dies_before_it_acknowledges_an_end_repeats_the_same_change(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed_loud(world)
    end(world)
    first = await world.worker()
    acknowledge = MemoryStore.ack

    async def dies(store: MemoryStore, shard: int, windows: list[WindowKey], *rest: Any) -> Any:
        if any(key.over for key in windows):
            raise RuntimeError("the worker died here")
        return await acknowledge(store, shard, windows, *rest)

    monkeypatch.setattr(MemoryStore, "ack", dies)
    with pytest.raises(RuntimeError):
        await world.flush(first)
    monkeypatch.undo()
    assert told(world.engine)[-1] == ("closed", "03.000")
    await world.flush(await world.worker())
    events = world.engine.events()
    assert [event.action for event in events] == ["opened", "closed", "closed"]
    assert events[1] == events[2]


async def test_an_event_that_was_open_when_the_store_was_lost_is_closed_under_the_same_id(
    world: World,
) -> None:
    feed_loud(world)
    processor = await world.worker()
    await world.flush(processor)
    world.backend.wipe()
    end(world)
    for _ in range(3):
        await world.flush(processor)
    world.now_ms += 600_000
    await world.flush(processor)
    opened, *closed = world.engine.events()
    assert {(event.action, event.event_id) for event in closed} == {("closed", opened.event_id)}
    assert len({event.id for event in closed}) == 1


async def test_a_session_that_returns_after_its_end_opens_a_new_event(world: World) -> None:
    feed_loud(world)
    end(world)
    processor = await world.worker()
    await world.flush(processor)
    for k in range(12):
        world.engine.feed("voice", 10_000 + k * 250, b"loud")
        world.engine.feed("words", 10_000 + k * 250, b"loud")
    end(world)
    await world.flush(processor)
    await world.flush(processor)
    assert [event.action for event in world.engine.events()] == ["opened", "closed"] * 2
    assert len({event.event_id for event in world.engine.events()}) == 2
