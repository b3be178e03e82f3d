from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping

import pytest

from streams.engine.host import ProcessorHost
from streams.engine.ledger import Ledger
from streams.engine.port import Engine
from streams.engine.testing import RecordingProcessor
from streams.records import Chunk, Record, TopicPartition

TP = TopicPartition("t", 0)


class EngineDouble:
    """The port's engine as far as a processor under a host needs it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def commit_through(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        self._ledger.declare(next_offsets)


def chunk(generation: int = 1) -> Chunk:
    return Chunk(TP, generation, [Record("t", 0, 0, 0, b"key", b"my-secret")])


async def seek(tps: Collection[TopicPartition], generation: int) -> dict[TopicPartition, int]:
    return dict.fromkeys(tps, 0)


async def no_commit() -> None:
    pass


async def started(
    processor: RecordingProcessor, tick_ms: int = 1000
) -> tuple[ProcessorHost, Ledger]:
    ledger = Ledger()
    host = ProcessorHost(processor, ledger, tick_ms, lambda: 42)
    await host.start(EngineDouble(ledger))  # type: ignore[arg-type]
    await host.assign([TP], seek)
    return host, ledger


async def raise_payload(engine: Engine, chunk: Chunk) -> None:
    raise ValueError(chunk.records[0].value)


async def test_a_stale_chunk_is_not_delivered() -> None:
    processor = RecordingProcessor()
    host, _ = await started(processor)
    await host.deliver(chunk(generation=0))
    await host.drain()
    assert processor.chunks == []


async def test_an_exception_in_on_chunk_is_the_hosts_failure() -> None:
    host, _ = await started(RecordingProcessor(raise_payload))
    await host.deliver(chunk())
    await host.drain()
    assert isinstance(host.failure, ValueError)


async def test_a_chunk_whose_processing_raised_is_not_due_for_commit() -> None:
    host, ledger = await started(RecordingProcessor(raise_payload))
    await host.deliver(chunk())
    await host.drain()
    assert ledger.due() == {}


async def test_the_log_of_a_failure_holds_no_payload(caplog: pytest.LogCaptureFixture) -> None:
    host, _ = await started(RecordingProcessor(raise_payload))
    with caplog.at_level(logging.DEBUG):
        await host.deliver(chunk())
    await host.drain()
    assert "ValueError" in caplog.text
    assert "my-secret" not in caplog.text


async def test_a_failure_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    host, _ = await started(RecordingProcessor())
    host.fail("on_chunk", ValueError())
    host.fail("on_tick", ValueError())
    await host.drain()
    assert [record.levelname for record in caplog.records].count("ERROR") == 1


async def test_after_a_failure_nothing_more_is_delivered() -> None:
    processor = RecordingProcessor(raise_payload)
    host, _ = await started(processor)
    await host.deliver(chunk())
    await host.deliver(chunk())
    await host.drain()
    assert len(processor.chunks) == 1


async def test_a_processor_that_failed_is_not_drained() -> None:
    processor = RecordingProcessor(raise_payload)
    host, _ = await started(processor)
    await host.deliver(chunk())
    await host.drain()
    assert "drain" not in processor.calls


async def test_ticks_bring_the_clocks_time() -> None:
    processor = RecordingProcessor()
    host, _ = await started(processor, tick_ms=1)
    await processor.until(lambda p: len(p.ticks) >= 2, 5)
    await host.drain()
    assert set(processor.ticks) == {42}


async def test_no_tick_comes_after_the_drain() -> None:
    processor = RecordingProcessor()
    host, _ = await started(processor, tick_ms=1)
    await processor.until(lambda p: len(p.ticks) >= 1, 5)
    await host.drain()
    before = len(processor.ticks)
    await asyncio.sleep(0.02)  # twenty ticks, were there any
    assert len(processor.ticks) == before


async def test_drain_waits_for_a_chunk_that_only_a_tick_lets_go_on() -> None:
    processor = RecordingProcessor()

    async def after_a_tick(engine: Engine, chunk: Chunk) -> None:
        seen = len(processor.ticks)
        await processor.until(lambda p: len(p.ticks) > seen, 5)
        processor.calls.append("chunk done")

    processor._handle = after_a_tick
    host, _ = await started(processor, tick_ms=20)
    delivery = asyncio.create_task(host.deliver(chunk()))
    await processor.until(lambda p: len(p.chunks) == 1, 5)
    await host.drain()
    await delivery
    assert processor.calls[-2:] == ["chunk done", "drain"]


async def test_what_on_revoked_declares_is_committed_before_the_partition_is_given_up() -> None:
    processor = RecordingProcessor()
    host, ledger = await started(processor)
    committed: list[dict[TopicPartition, int]] = []

    async def commit() -> None:
        committed.append(ledger.due())

    async def declaring(partitions: Collection[TopicPartition]) -> None:
        ledger.declare({TP: 1})

    processor.on_revoked = declaring  # type: ignore[method-assign]
    await host.revoke([TP], commit)
    await host.drain()
    assert committed == [{TP: 1}]


async def test_a_revoked_partition_is_no_longer_owned() -> None:
    host, ledger = await started(RecordingProcessor())
    await host.revoke([TP], no_commit)
    await host.drain()
    assert ledger.owned() == []


async def test_a_revocation_ends_an_assignment_that_is_still_under_way() -> None:
    processor = RecordingProcessor()
    host, _ = await started(processor)
    await host.revoke([TP], no_commit)
    seeking = asyncio.Event()

    async def never_ends(
        tps: Collection[TopicPartition], generation: int
    ) -> dict[TopicPartition, int]:
        seeking.set()
        await asyncio.Event().wait()
        return {}

    assigning = asyncio.create_task(host.assign([TP], never_ends))
    await seeking.wait()
    await host.revoke([TP], no_commit)
    await asyncio.wait_for(assigning, 5)
    await host.drain()
    assert processor.calls.count("assigned") == 1


async def test_partitions_are_assigned_only_after_the_chunk_in_hand_is_done() -> None:
    processor = RecordingProcessor()
    go_on = asyncio.Event()

    async def wait(engine: Engine, chunk: Chunk) -> None:
        await go_on.wait()
        processor.calls.append("chunk done")

    processor._handle = wait
    host, _ = await started(processor)
    delivery = asyncio.create_task(host.deliver(chunk()))
    await processor.until(lambda p: len(p.chunks) == 1, 5)
    await host.revoke([TP], no_commit)
    assigning = asyncio.create_task(host.assign([TP], seek))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(assigning, delivery)
    await host.drain()
    assert processor.calls[-3:] == ["chunk done", "assigned", "drain"]


async def test_a_chunk_that_comes_during_its_assignment_waits_for_it() -> None:
    processor = RecordingProcessor()
    ledger = Ledger()
    host = ProcessorHost(processor, ledger, 1000, lambda: 42)
    await host.start(EngineDouble(ledger))  # type: ignore[arg-type]
    sought = asyncio.Event()

    async def slow_seek(
        tps: Collection[TopicPartition], generation: int
    ) -> dict[TopicPartition, int]:
        await sought.wait()
        return dict.fromkeys(tps, 0)

    assigning = asyncio.create_task(host.assign([TP], slow_seek))
    await asyncio.sleep(0)
    delivering = asyncio.create_task(host.deliver(chunk()))
    await asyncio.sleep(0)
    sought.set()
    await asyncio.gather(assigning, delivering)
    await host.drain()
    assert processor.calls.index("assigned") < processor.calls.index("chunk")
