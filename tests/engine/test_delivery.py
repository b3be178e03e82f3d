from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from streams.engine.app import FaustEngine
from streams.engine.base import BaseEngine
from streams.engine.loop import AiokafkaEngine
from streams.engine.port import Engine
from streams.engine.settings import PARTITION_FETCH_BYTES
from streams.engine.testing import RecordingProcessor
from streams.errors import BrokerUnreachable, PublishError, TopicError
from streams.records import Chunk, OutRecord, TopicPartition
from tests.engine.conftest import Ground

pytestmark = pytest.mark.integration
Eventually = Callable[[Callable[[], Awaitable[object]], object], Awaitable[None]]


def values(prefix: str, count: int) -> list[bytes]:
    return [f"{prefix}{number}".encode() for number in range(count)]


async def hold_everything(engine: Engine, chunk: Chunk) -> None:
    """Declare nothing finished."""


async def test_every_record_comes_exactly_once_and_in_order(
    ground: Ground, each_engine: type[BaseEngine]
) -> None:
    processor = RecordingProcessor()
    tps = [ground.tp(topic, partition) for topic in (0, 1) for partition in (0, 1)]
    async with each_engine(ground.settings(), processor).running():
        for tp in tps:
            await ground.produce(tp, values("v", 101))
        await processor.until(lambda p: len(p.records) >= 404, 20)
    assert {tp: processor.offsets(tp) for tp in tps} == {tp: list(range(101)) for tp in tps}


async def test_chunks_are_consecutive_and_within_the_limit(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    tp = ground.tp(0, 0)
    await ground.produce(tp, values("v", 95))
    processor = RecordingProcessor()
    async with engine_class(ground.settings(), processor).running():
        await processor.until(lambda p: len(p.records) >= 95, 20)
    starts = [chunk.records[0].offset for chunk in processor.chunks]
    assert starts == [0, *(chunk.next_offset for chunk in processor.chunks[:-1])]
    assert max(len(chunk.records) for chunk in processor.chunks) == 10


async def test_both_engines_deliver_the_same_records(ground: Ground) -> None:
    tp = ground.tp(0, 0)
    sent: list[list[object]] = []
    async with FaustEngine(ground.settings(), RecordingProcessor()).running() as engine:
        await engine.publish(
            [
                OutRecord(tp.topic, b"key", value, (("h", b"1"), ("h", b"2")), 0, 1_700_000_000_123)
                for value in values("v", 60)
            ]
            + [OutRecord(tp.topic, None, b"keyless", (), 0, 1)]
        )
    for engine_class in (FaustEngine, AiokafkaEngine):
        processor = RecordingProcessor()
        settings = ground.settings(group_id=f"{ground.group}-{engine_class.__name__}")
        async with engine_class(settings, processor).running():
            await processor.until(lambda p: len(p.records) >= 61, 20)
        sent.append(
            [
                (r.topic, r.partition, r.offset, r.timestamp_ms, r.key, r.value, tuple(r.headers))
                for r in processor.records
            ]
        )
    assert sent[0] == sent[1]


async def test_a_first_chunk_of_offset_0_alone_does_not_stall_commits(
    ground: Ground, engine_class: type[BaseEngine], eventually: Eventually
) -> None:
    tp = ground.tp(0, 0)
    processor = RecordingProcessor()
    async with engine_class(ground.settings(), processor).running():
        await ground.produce(tp, [b"first"])
        await processor.until(lambda p: len(p.records) == 1, 10)
        await eventually(lambda: ground.committed(tp), 1)
        await ground.produce(tp, values("v", 20))
        await eventually(lambda: ground.committed(tp), 21)


async def test_a_commit_never_passes_what_was_declared(
    ground: Ground, each_engine: type[BaseEngine]
) -> None:
    tp = ground.tp(0, 0)
    await ground.produce(tp, values("v", 50))
    processor = RecordingProcessor(hold_everything)
    async with each_engine(ground.settings(), processor).running() as engine:
        await processor.until(lambda p: len(p.records) == 50, 10)
        engine.commit_through({tp: 23})
    assert await ground.committed(tp) == 23


async def test_nothing_is_committed_that_nobody_declared(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    tp = ground.tp(0, 0)
    await ground.produce(tp, values("v", 50))
    processor = RecordingProcessor(hold_everything)
    async with engine_class(ground.settings(), processor).running():
        await processor.until(lambda p: len(p.records) == 50, 10)
    assert await ground.committed(tp) is None


async def test_a_slow_topic_does_not_let_another_run_ahead(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    slow, fast = ground.tp(0, 0), ground.tp(1, 0)
    for tp in (slow, fast):
        await ground.produce(tp, values("v", 300))
    go_on = asyncio.Event()

    async def wait_on_slow(engine: Engine, chunk: Chunk) -> None:
        if chunk.tp == slow:
            await go_on.wait()

    processor = RecordingProcessor(wait_on_slow)
    async with engine_class(ground.settings(), processor).running():
        await processor.until(lambda p: len(p.offsets(fast)) >= 30, 10)
        await processor.until(lambda p: len(p.ticks) > 20, 10)
        ahead = len(processor.offsets(fast))
        go_on.set()
        await processor.until(lambda p: len(p.records) == 600, 10)
    # Four chunks wait, one is in hand, one is about to be put: six turns of ten records, and the
    # fetches of the two partitions need not have begun together.
    assert ahead <= 100


async def test_calls_for_different_topics_may_run_at_the_same_time(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    both = asyncio.Barrier(2)

    async def meet(engine: Engine, chunk: Chunk) -> None:
        await both.wait()

    for topic in (0, 1):
        await ground.produce(ground.tp(topic, 0), [b"v"])
    processor = RecordingProcessor(meet)
    async with engine_class(ground.settings(), processor).running():
        await processor.until(lambda p: len(p.chunks) == 2, 10)
        assert both.n_waiting == 0


async def test_calls_for_one_partition_never_overlap(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    tp = ground.tp(0, 0)
    await ground.produce(tp, values("v", 50))
    busy = 0
    most = 0

    async def count(engine: Engine, chunk: Chunk) -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0.01)
        busy -= 1

    processor = RecordingProcessor(count)
    async with engine_class(ground.settings(), processor).running():
        await processor.until(lambda p: len(p.records) == 50, 10)
    assert most == 1


async def test_the_end_offset_of_an_empty_partition_is_known_after_the_first_fetch(
    ground: Ground, engine_class: type[BaseEngine], eventually: Eventually
) -> None:
    processor = RecordingProcessor()
    async with engine_class(ground.settings(), processor).running() as engine:
        await processor.until(lambda p: bool(p.assigned), 10)

        async def end() -> int | None:
            return engine.end_offset(ground.tp(0, 1))

        await eventually(end, 0)


async def test_the_end_offset_is_the_high_watermark(
    ground: Ground, engine_class: type[BaseEngine], eventually: Eventually
) -> None:
    tp = ground.tp(0, 0)
    async with engine_class(ground.settings(), RecordingProcessor()).running() as engine:
        await ground.produce(tp, values("v", 7))

        async def end() -> int | None:
            return engine.end_offset(tp)

        await eventually(end, 7)


async def test_a_partition_of_another_has_neither_generation_nor_end(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    processor = RecordingProcessor()
    async with engine_class(ground.settings(), processor).running() as engine:
        await processor.until(lambda p: bool(p.assigned), 10)
        stranger = TopicPartition("elsewhere", 0)
        assert (engine.generation(stranger), engine.end_offset(stranger)) == (None, None)


async def test_a_record_larger_than_a_fetch_is_delivered(
    ground: Ground, each_engine: type[BaseEngine]
) -> None:
    large = b"x" * (3 * PARTITION_FETCH_BYTES)
    processor = RecordingProcessor()
    async with each_engine(ground.settings(), processor).running() as engine:
        values = [b"before", large, b"after"]
        await engine.publish([OutRecord(ground.inputs[0], b"k", value, (), 0) for value in values])
        await processor.until(lambda p: len(p.records) == 3, 20)
    assert [record.value for record in processor.records] == values


async def test_a_record_that_is_too_large_raises_publish_error(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    async with engine_class(ground.settings(), RecordingProcessor()).running() as engine:
        with pytest.raises(PublishError, match="MessageSizeTooLargeError"):
            await engine.publish([OutRecord(ground.output, b"k", b"x" * 17_000_000)])


async def test_the_records_beside_one_that_fails_are_still_published(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    async with engine_class(ground.settings(), RecordingProcessor()).running() as engine:
        with pytest.raises(PublishError, match=r"expected 3 records .* got 1 errors"):
            await engine.publish(
                [
                    OutRecord(ground.output, b"k", b"one"),
                    OutRecord(ground.output, b"k", b"x" * 17_000_000),
                    OutRecord(ground.output, b"k", b"two"),
                ]
            )
    assert [record.value for record in await ground.read_output(2)] == [b"one", b"two"]


async def test_a_record_without_key_and_value_is_published_with_an_empty_value(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    async with engine_class(ground.settings(), RecordingProcessor()).running() as engine:
        await engine.publish([OutRecord(ground.output, None, None, (("dlq.stage", b"x"),))])
    (record,) = await ground.read_output(1)
    assert (record.key, record.value, record.headers) == (None, b"", (("dlq.stage", b"x"),))


async def test_the_key_decides_the_partition_alike_in_both_engines(ground: Ground) -> None:
    keys = [f"session-{number}".encode() for number in range(40)]
    for engine_class in (FaustEngine, AiokafkaEngine):
        settings = ground.settings(group_id=f"{ground.group}-{engine_class.__name__}")
        async with engine_class(settings, RecordingProcessor()).running() as engine:
            await engine.publish([OutRecord(ground.output, key, b"v") for key in keys])
    by_key: dict[bytes | None, set[int | None]] = {}
    for record in await ground.read_output(80):
        by_key.setdefault(record.key, set()).add(record.partition)
    assert {len(partitions) for partitions in by_key.values()} == {1}
    assert set.union(*by_key.values()) == {0, 1}


async def test_no_broker_is_said_before_anything_is_started(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    processor = RecordingProcessor()
    away = ground.kafka.model_copy(update={"bootstrap": "127.0.0.1:1"})
    with pytest.raises(BrokerUnreachable):
        await engine_class(ground.settings(kafka=away), processor).start()
    assert processor.calls == []


async def test_wrong_partitions_are_said_before_anything_is_started(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    processor = RecordingProcessor()
    with pytest.raises(TopicError, match="expected 5 partitions, got 2"):
        await engine_class(ground.settings(partitions=5), processor).start()
    assert processor.calls == []
