"""Clocks that were estimated are not kept for sessions that are over."""

from __future__ import annotations

import pytest

from tests.processor.world import World, feed_seconds, pipeline_with


@pytest.mark.parametrize("events", [[], [{"name": "noise", "task": "noise", "label": "loud"}]])
async def test_the_clocks_of_a_session_that_is_over_are_forgotten(
    events: list[dict[str, str]],
) -> None:
    estimated = pipeline_with(voice={"clock": {"estimate": "offset"}}, events=events)
    world = World(pipeline=estimated)
    processor = await world.worker()
    feed_seconds(world, 3, voice=b"loud")
    await world.settle(processor)
    (shard,) = processor.shards
    assert shard.clocks is not None
    assert len(shard.clocks) == 1
    for _ in range(3):
        world.now_ms += 3_600_000
        await world.settle(processor)
    assert len(shard.clocks) == 0
