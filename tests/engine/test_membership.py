from __future__ import annotations

import asyncio

import pytest

from streams.engine.app import FaustEngine
from streams.engine.base import BaseEngine
from streams.engine.loop import AiokafkaEngine
from streams.engine.testing import RecordingProcessor
from streams.records import TopicPartition
from tests.engine.conftest import Ground

pytestmark = pytest.mark.integration


async def shared(first: RecordingProcessor, second: RecordingProcessor) -> None:
    """Return once two processors own two of the four partitions each."""
    async with asyncio.timeout(20):
        while len(first.owned) != 2 or len(second.owned) != 2:
            await first.until(lambda p: len(p.owned) == 2, 20)
            await second.until(lambda p: len(p.owned) == 2, 20)


def numbers(tps: set[TopicPartition]) -> set[int]:
    return {tp.partition for tp in tps}


async def test_a_second_engine_takes_over_whole_partition_numbers(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    first, second = RecordingProcessor(), RecordingProcessor()
    async with engine_class(ground.settings(), first).running():
        await first.until(lambda p: len(p.owned) == 4, 10)
        async with engine_class(ground.settings(), second).running():
            await shared(first, second)
            assert len(numbers(first.owned)) == len(numbers(second.owned)) == 1
            assert first.owned.isdisjoint(second.owned)


async def test_the_two_kinds_of_engine_can_share_a_group(ground: Ground) -> None:
    first, second = RecordingProcessor(), RecordingProcessor()
    async with FaustEngine(ground.settings(), first).running():
        await first.until(lambda p: len(p.owned) == 4, 10)
        async with AiokafkaEngine(ground.settings(), second).running():
            await shared(first, second)
            assert numbers(first.owned) != numbers(second.owned)


async def test_what_was_declared_is_committed_before_another_takes_over(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    for partition in (0, 1):
        await ground.produce(ground.tp(0, partition), [b"v"] * 30)
    # So long that no commit but the one at revocation can come in time.
    kafka = ground.kafka.model_copy(update={"commit_interval_ms": 60_000})
    first, second = RecordingProcessor(), RecordingProcessor()
    async with engine_class(ground.settings(kafka=kafka), first).running():
        await first.until(lambda p: len(p.records) == 60, 10)
        async with engine_class(ground.settings(kafka=kafka), second).running():
            await shared(first, second)
            taken = {
                tp: at for tp, at in second.assigned[-1][0].items() if tp.topic == ground.inputs[0]
            }
    assert list(taken.values()) == [30]


async def test_no_record_is_lost_or_doubled_when_a_second_engine_joins_and_leaves(
    ground: Ground, each_engine: type[BaseEngine]
) -> None:
    tps = [ground.tp(0, 0), ground.tp(0, 1)]
    first, second = RecordingProcessor(), RecordingProcessor()
    async with each_engine(ground.settings(), first).running():
        await first.until(lambda p: len(p.owned) == 4, 10)
        for tp in tps:
            await ground.produce(tp, [b"v"] * 100)
        async with each_engine(ground.settings(), second).running():
            await shared(first, second)
            for tp in tps:
                await ground.produce(tp, [b"v"] * 100)
            await second.until(lambda p: len(p.records) >= 100, 10)
        await first.until(lambda p: len(p.owned) == 4, 20)
        for tp in tps:
            await ground.produce(tp, [b"v"] * 100)
        async with asyncio.timeout(10):
            await first.until(lambda p: all(p.offsets(tp)[-1:] == [299] for tp in tps), 10)
    for tp in tps:
        assert sorted(first.offsets(tp) + second.offsets(tp)) == list(range(300))


async def test_a_restarted_worker_goes_on_from_what_was_committed(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    tp = ground.tp(0, 0)
    await ground.produce(tp, [b"v"] * 30)
    first = RecordingProcessor()
    async with engine_class(ground.settings(), first).running():
        await first.until(lambda p: len(p.records) == 30, 10)
    second = RecordingProcessor()
    async with engine_class(ground.settings(), second).running():
        await second.until(lambda p: bool(p.assigned), 10)
        assert second.assigned[0][0][tp] == 30


async def test_an_assigned_partition_without_a_commit_begins_at_0(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    processor = RecordingProcessor()
    async with engine_class(ground.settings(), processor).running():
        await processor.until(lambda p: bool(p.assigned), 10)
    assert set(processor.assigned[0][0].values()) == {0}
