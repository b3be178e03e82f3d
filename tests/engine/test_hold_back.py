"""Partitions that are held back: nothing of them comes, nothing of them is lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from streams.engine.base import BaseEngine
from streams.engine.port import Engine
from streams.engine.testing import RecordingProcessor
from streams.records import Chunk, OutRecord, TopicPartition
from tests.engine.conftest import Ground

pytestmark = pytest.mark.integration
Eventually = Callable[[Callable[[], Awaitable[object]], object], Awaitable[None]]

#: Rounds in which nothing of a partition has come, while all of another has, that prove it held.
ROUNDS = 5


async def send(engine: Engine, tp: TopicPartition, count: int = 1) -> None:
    await engine.publish([OutRecord(tp.topic, b"k", b"v", (), tp.partition)] * count)


async def nothing_comes(
    engine: Engine, processor: RecordingProcessor, held: TopicPartition, other: TopicPartition
) -> None:
    """Return once ``other`` flows while ``held`` does not, although both are fed."""
    quiet = 0
    while quiet < ROUNDS:
        had, sent = len(processor.offsets(held)), len(processor.offsets(other))
        for tp in (held, other):
            await send(engine, tp)
        await processor.until(lambda p, n=sent: len(p.offsets(other)) > n, 10)
        quiet = quiet + 1 if len(processor.offsets(held)) == had else 0


async def test_of_a_held_partition_nothing_more_comes_while_others_flow(
    ground: Ground, each_engine: type[BaseEngine]
) -> None:
    held, other = ground.tp(0, 0), ground.tp(1, 0)
    processor = RecordingProcessor()
    async with each_engine(ground.settings(), processor).running() as engine:
        for tp in (held, other):
            await send(engine, tp, 10)
        await processor.until(lambda p: len(p.records) == 20, 10)
        engine.hold_back({held})
        await nothing_comes(engine, processor, held, other)
        before = len(processor.offsets(held))
        await send(engine, held, 50)
        await send(engine, other, 50)
        await processor.until(lambda p: p.offsets(other)[-1] >= 50, 10)
        ticks = len(processor.ticks)
        await processor.until(lambda p: len(p.ticks) > ticks + 5, 10)
        assert len(processor.offsets(held)) == before


async def test_what_is_released_goes_on_where_it_was(
    ground: Ground, each_engine: type[BaseEngine]
) -> None:
    held, other = ground.tp(0, 0), ground.tp(1, 0)
    processor = RecordingProcessor()
    async with each_engine(ground.settings(), processor).running() as engine:
        await processor.until(lambda p: bool(p.assigned), 10)
        engine.hold_back({held})
        await nothing_comes(engine, processor, held, other)
        await send(engine, held, 200)
        engine.hold_back([])
        sent = len(processor.offsets(other)) + 200
        await processor.until(lambda p: len(p.offsets(held)) >= sent, 10)
    assert processor.offsets(held) == list(range(sent))


async def test_holding_back_now_these_now_those_in_full_flow_loses_and_doubles_nothing(
    ground: Ground, each_engine: type[BaseEngine]
) -> None:
    tps = [ground.tp(topic, partition) for topic in (0, 1) for partition in (0, 1)]
    chunks = 0

    async def turn(engine: Engine, chunk: Chunk) -> None:
        nonlocal chunks
        chunks += 1
        engine.hold_back([tp for n, tp in enumerate(tps) if tp == chunk.tp or n == chunks % 3])
        engine.commit_through({chunk.tp: chunk.next_offset})

    processor = RecordingProcessor(turn)
    async with each_engine(ground.settings(), processor).running() as engine:
        for _ in range(4):
            for tp in tps:
                await send(engine, tp, 100)
            engine.hold_back([])
        for _ in range(40):
            # The last that held something back may have been anyone's last chunk.
            engine.hold_back([])
            ticks = len(processor.ticks)
            await processor.until(lambda p, n=ticks: len(p.ticks) > n, 10)
            if len(processor.records) >= 1_600:
                break
    assert {tp: processor.offsets(tp) for tp in tps} == {tp: list(range(400)) for tp in tps}


async def test_a_partition_that_is_rewound_while_held_comes_again_once_released(
    ground: Ground, each_engine: type[BaseEngine]
) -> None:
    held, other = ground.tp(0, 0), ground.tp(1, 1)

    async def hold_everything(engine: Engine, chunk: Chunk) -> None:
        """Declare nothing finished."""

    processor = RecordingProcessor(hold_everything)
    async with each_engine(ground.settings(), processor).running() as engine:
        await send(engine, held, 30)
        await processor.until(lambda p: len(p.records) == 30, 10)
        engine.hold_back({held})
        await nothing_comes(engine, processor, held, other)
        engine.commit_through({held: 20})
        assert (await engine.rewind(0))[held] == 20
        before = len(processor.offsets(held))
        await nothing_comes(engine, processor, held, other)
        assert len(processor.offsets(held)) == before
        engine.hold_back([])
        await send(engine, held, 1)
        last = 30 + len(processor.offsets(other))
        await processor.until(lambda p: p.offsets(held)[-1] >= last, 10)
    again = processor.offsets(held)[before:]
    assert again == list(range(20, again[-1] + 1))


async def test_a_rebalance_while_partitions_are_held_loses_and_doubles_nothing(
    ground: Ground, each_engine: type[BaseEngine]
) -> None:
    tps = [ground.tp(0, 0), ground.tp(0, 1)]
    first, second = RecordingProcessor(), RecordingProcessor()
    async with each_engine(ground.settings(), first).running() as engine:
        await first.until(lambda p: len(p.owned) == 4, 10)
        engine.hold_back(tps)
        for tp in tps:
            await send(engine, tp, 100)
        async with each_engine(ground.settings(), second).running() as other:
            # What is held back of the first is none of the second's business.
            await second.until(lambda p: bool(p.records), 20)
            engine.hold_back([])
            for tp in tps:
                await send(other, tp, 100)
            await second.until(lambda p: len(p.records) >= 200, 20)
        await first.until(lambda p: len(p.owned) == 4, 20)
        engine.hold_back([])
        for tp in tps:
            await send(engine, tp, 100)
        await first.until(lambda p: all(p.offsets(tp)[-1:] == [299] for tp in tps), 20)
    for tp in tps:
        assert sorted(first.offsets(tp) + second.offsets(tp)) == list(range(300))


async def test_holding_back_before_the_start_and_after_the_end_does_no_harm(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    tp = ground.tp(0, 0)
    processor = RecordingProcessor()
    engine = engine_class(ground.settings(), processor)
    engine.hold_back({tp})
    engine.hold_back([])
    async with engine.running():
        await send(engine, tp, 5)
        await processor.until(lambda p: len(p.records) == 5, 10)
    engine.hold_back({tp})
    engine.hold_back([])
    assert (processor.offsets(tp), engine.failure) == ([0, 1, 2, 3, 4], None)


async def test_partitions_that_are_not_ours_are_ignored(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    held, other = ground.tp(0, 0), ground.tp(1, 0)
    processor = RecordingProcessor()
    async with engine_class(ground.settings(), processor).running() as engine:
        await processor.until(lambda p: bool(p.assigned), 10)
        engine.hold_back({TopicPartition("elsewhere", 0), held})
        await nothing_comes(engine, processor, held, other)
    assert engine.failure is None


async def test_an_engine_that_holds_everything_back_stops_at_once(
    ground: Ground, each_engine: type[BaseEngine]
) -> None:
    tps = [ground.tp(topic, partition) for topic in (0, 1) for partition in (0, 1)]
    processor = RecordingProcessor()
    async with each_engine(ground.settings(), processor).running() as engine:
        await send(engine, tps[0], 5)
        await processor.until(lambda p: len(p.records) == 5, 10)
        engine.hold_back(tps)
    assert (processor.calls[-1], await ground.committed(tps[0])) == ("drain", 5)


# -- since when an end is known ------------------------------------------------------------------


async def test_the_end_of_a_partition_where_nothing_comes_is_known_anew_all_the_time(
    ground: Ground, each_engine: type[BaseEngine], eventually: Eventually
) -> None:
    tp = ground.tp(0, 0)
    async with each_engine(ground.settings(), RecordingProcessor()).running() as engine:

        async def known() -> bool:
            return engine.end_known_ms(tp) is not None

        await eventually(known, True)
        first_ms = engine.end_known_ms(tp)

        async def later() -> bool:
            return (engine.end_known_ms(tp) or 0) > (first_ms or 0) + 200

        await eventually(later, True)


async def test_of_a_held_partition_nothing_newer_is_known_until_it_is_read_again(
    ground: Ground, each_engine: type[BaseEngine], eventually: Eventually
) -> None:
    held, other = ground.tp(0, 0), ground.tp(1, 0)
    processor = RecordingProcessor()
    async with each_engine(ground.settings(), processor).running() as engine:
        await processor.until(lambda p: bool(p.assigned), 10)
        engine.hold_back({held})
        await nothing_comes(engine, processor, held, other)
        known_ms, end = engine.end_known_ms(held), engine.end_offset(held)
        await nothing_comes(engine, processor, held, other)
        assert (engine.end_known_ms(held), engine.end_offset(held)) == (known_ms, end)
        engine.hold_back([])

        async def newer() -> bool:
            return (engine.end_known_ms(held) or 0) > (known_ms or 0)

        await eventually(newer, True)


async def test_of_a_partition_of_another_no_end_is_known(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    processor = RecordingProcessor()
    async with engine_class(ground.settings(), processor).running() as engine:
        await processor.until(lambda p: bool(p.assigned), 10)
        assert engine.end_known_ms(TopicPartition("elsewhere", 0)) is None
