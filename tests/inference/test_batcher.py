"""Micro-batching: what shares a run, what is bounded, and who pays for a failure."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from workers.inference.batcher import MicroBatcher


class Doubler:
    """Doubles numbers, notes its batches, and can be held at a gate."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.gate.wait(10)
        self.batches.append(len(items))
        if any(item < 0 for item in items):
            raise ValueError("negative")
        return [2 * item for item in items]


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def make(
    run: Doubler, executor: ThreadPoolExecutor, *, delay_ms: float = 20.0, pending: int = 1_000
) -> MicroBatcher[int, int]:
    return MicroBatcher(run, executor, max_batch=8, max_delay_ms=delay_ms, max_pending=pending)


async def turns() -> None:
    """Let every task of the loop go as far as it can without a thread's help."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_concurrent_calls_share_one_batch(executor: ThreadPoolExecutor) -> None:
    run = Doubler()
    batcher = make(run, executor)
    results = await asyncio.gather(*(batcher.submit([n, n + 10]) for n in range(4)))
    assert results == [[2 * n, 2 * n + 20] for n in range(4)]
    assert run.batches == [8]


async def test_a_full_batch_does_not_wait_for_the_delay(executor: ThreadPoolExecutor) -> None:
    batcher = make(Doubler(), executor, delay_ms=60_000)
    async with asyncio.timeout(5):
        assert await batcher.submit(list(range(8))) == [2 * n for n in range(8)]


async def test_a_lone_item_is_run_after_the_delay(executor: ThreadPoolExecutor) -> None:
    run = Doubler()
    assert await make(run, executor).submit([3]) == [6]
    assert run.batches == [1]


async def test_a_long_call_is_cut_into_batches(executor: ThreadPoolExecutor) -> None:
    run = Doubler()
    assert await make(run, executor).submit(list(range(20))) == [2 * n for n in range(20)]
    assert run.batches == [8, 8, 4]


async def test_no_items_give_no_results(executor: ThreadPoolExecutor) -> None:
    assert await make(Doubler(), executor).submit([]) == []


async def test_items_that_wait_or_run_never_exceed_the_bound(
    executor: ThreadPoolExecutor,
) -> None:
    run = Doubler()
    run.gate.clear()
    batcher = make(run, executor, pending=16)
    calls = [asyncio.create_task(batcher.submit([n] * 4)) for n in range(10)]
    await turns()
    assert batcher.pending == 16
    run.gate.set()
    assert await asyncio.gather(*calls) == [[2 * n] * 4 for n in range(10)]
    await turns()
    assert batcher.pending == 0


async def test_the_event_loop_goes_on_while_a_batch_runs(executor: ThreadPoolExecutor) -> None:
    run = Doubler()
    run.gate.clear()
    call = asyncio.create_task(make(run, executor, delay_ms=0).submit([1]))
    await turns()
    assert not call.done()
    run.gate.set()
    assert await call == [2]


async def test_a_failed_batch_raises_in_its_callers_and_the_next_one_works(
    executor: ThreadPoolExecutor,
) -> None:
    batcher = make(Doubler(), executor)
    with pytest.raises(ValueError, match="negative"):
        await batcher.submit([-1])
    assert await batcher.submit([1]) == [2]


async def test_a_cancelled_call_is_not_computed_and_frees_its_place(
    executor: ThreadPoolExecutor,
) -> None:
    run = Doubler()
    run.gate.clear()
    batcher = make(run, executor, delay_ms=0, pending=16)
    first = asyncio.create_task(batcher.submit([1] * 8))
    await turns()
    second = asyncio.create_task(batcher.submit([2] * 8))
    await turns()
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    run.gate.set()
    assert await first == [2] * 8
    assert await batcher.submit([3]) == [6]
    assert run.batches == [8, 1]
