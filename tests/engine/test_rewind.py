from __future__ import annotations

import asyncio

import pytest

from streams.engine.base import BaseEngine
from streams.engine.port import Engine
from streams.engine.testing import RecordingProcessor
from streams.records import Chunk
from tests.engine.conftest import Ground

pytestmark = pytest.mark.integration


async def hold_everything(engine: Engine, chunk: Chunk) -> None:
    """Declare nothing finished."""


async def test_after_a_rewind_the_records_come_again_from_the_committed_offset(
    ground: Ground, each_engine: type[BaseEngine]
) -> None:
    tp = ground.tp(0, 0)
    await ground.produce(tp, [b"v"] * 50)
    processor = RecordingProcessor(hold_everything)
    async with each_engine(ground.settings(), processor).running() as engine:
        await processor.until(lambda p: len(p.records) == 50, 10)
        engine.commit_through({tp: 20})
        await engine.rewind(0)
        await processor.until(lambda p: len(p.records) == 80, 10)
    assert processor.offsets(tp)[50:] == list(range(20, 50))


async def test_a_rewind_answers_the_offsets_it_went_back_to(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    tp = ground.tp(0, 0)
    await ground.produce(tp, [b"v"] * 50)
    processor = RecordingProcessor(hold_everything)
    async with engine_class(ground.settings(), processor).running() as engine:
        await processor.until(lambda p: len(p.records) == 50, 10)
        engine.commit_through({tp: 20})
        assert await engine.rewind(0) == {tp: 20, ground.tp(1, 0): 0}


async def test_records_read_again_have_a_higher_generation(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    tp = ground.tp(0, 0)
    await ground.produce(tp, [b"v"] * 5)
    processor = RecordingProcessor(hold_everything)
    async with engine_class(ground.settings(), processor).running() as engine:
        await processor.until(lambda p: len(p.records) == 5, 10)
        first = engine.generation(tp)
        await engine.rewind(0)
        await processor.until(lambda p: len(p.records) == 10, 10)
        assert first is not None
        assert processor.chunks[-1].generation == engine.generation(tp) > first


async def test_other_partitions_go_on_where_they_were(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    tp, other = ground.tp(0, 0), ground.tp(0, 1)
    for each in (tp, other):
        await ground.produce(each, [b"v"] * 5)
    processor = RecordingProcessor(hold_everything)
    async with engine_class(ground.settings(), processor).running() as engine:
        await processor.until(lambda p: len(p.records) == 10, 10)
        await engine.rewind(0)
        await ground.produce(other, [b"v"])
        await processor.until(lambda p: len(p.records) == 16, 10)
    assert processor.offsets(other) == [0, 1, 2, 3, 4, 5]


async def test_chunks_that_waited_during_a_rewind_are_not_delivered(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    tp = ground.tp(0, 0)
    await ground.produce(tp, [b"v"] * 200)
    go_on = asyncio.Event()

    async def wait(engine: Engine, chunk: Chunk) -> None:
        await go_on.wait()

    processor = RecordingProcessor(wait)
    async with engine_class(ground.settings(), processor).running() as engine:
        await processor.until(lambda p: len(p.chunks) == 1, 10)
        await engine.rewind(0)
        go_on.set()
        await processor.until(lambda p: len(p.records) >= 210, 10)
    assert processor.offsets(tp) == [*range(10), *range(200)]


async def test_rewinds_in_full_flow_lose_no_record(
    ground: Ground, each_engine: type[BaseEngine]
) -> None:
    tp = ground.tp(0, 0)
    rewinds = 0

    async def rewind_now_and_then(engine: Engine, chunk: Chunk) -> None:
        nonlocal rewinds
        if rewinds < 5 and chunk.records[0].offset > 100 * rewinds:
            rewinds += 1
            await engine.rewind(0)
        else:
            engine.commit_through({chunk.tp: chunk.next_offset})

    processor = RecordingProcessor(rewind_now_and_then)
    async with each_engine(ground.settings(), processor).running():
        await ground.produce(tp, [b"v"] * 1000)
        await processor.until(lambda p: p.offsets(tp)[-1:] == [999], 20)
    # Without a rewind in between, each record follows its predecessor.
    runs: dict[int, list[int]] = {}
    for chunk in processor.chunks:
        runs.setdefault(chunk.generation, []).extend(r.offset for r in chunk.records)
    assert rewinds == 5
    assert all(run == list(range(run[0], run[-1] + 1)) for run in runs.values())
    assert sorted(set(processor.offsets(tp))) == list(range(1000))
