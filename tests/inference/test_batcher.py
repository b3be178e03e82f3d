"""Micro-batching: what shares a run, what is bounded, and who pays for a failure."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence

import pytest

from workers.inference.batcher import MicroBatcher
from workers.inference.lanes import Lanes


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
def lanes() -> Iterator[Lanes]:
    made = Lanes(1)
    yield made
    made.close()


def make(
    run: Doubler, lanes: Lanes, *, delay_ms: float = 20.0, pending: int = 1_000
) -> MicroBatcher[int, int]:
    return MicroBatcher(run, lanes, max_batch=8, max_delay_ms=delay_ms, max_pending=pending)


class Noting(Doubler):
    """Notes what is in its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[list[int]] = []

    def __call__(self, items: Sequence[int]) -> list[int]:
        results = super().__call__(items)
        self.seen.append(list(items))
        return results


async def turns() -> None:
    """Let every task of the loop go as far as it can without a thread's help."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_concurrent_calls_share_one_batch(lanes: Lanes) -> None:
    run = Doubler()
    batcher = make(run, lanes)
    results = await asyncio.gather(*(batcher.submit([n, n + 10]) for n in range(4)))
    assert results == [[2 * n, 2 * n + 20] for n in range(4)]
    assert run.batches == [8]


async def test_a_full_batch_does_not_wait_for_the_delay(lanes: Lanes) -> None:
    batcher = make(Doubler(), lanes, delay_ms=60_000)
    async with asyncio.timeout(5):
        assert await batcher.submit(list(range(8))) == [2 * n for n in range(8)]


async def test_a_lone_item_is_run_after_the_delay(lanes: Lanes) -> None:
    run = Doubler()
    assert await make(run, lanes).submit([3]) == [6]
    assert run.batches == [1]


async def test_a_long_call_is_cut_into_batches(lanes: Lanes) -> None:
    run = Doubler()
    assert await make(run, lanes).submit(list(range(20))) == [2 * n for n in range(20)]
    assert run.batches == [8, 8, 4]


async def test_no_items_give_no_results(lanes: Lanes) -> None:
    assert await make(Doubler(), lanes).submit([]) == []


async def test_items_that_wait_or_run_never_exceed_the_bound(
    lanes: Lanes,
) -> None:
    run = Doubler()
    run.gate.clear()
    batcher = make(run, lanes, pending=16)
    calls = [asyncio.create_task(batcher.submit([n] * 4)) for n in range(10)]
    await turns()
    assert batcher.pending == 16
    run.gate.set()
    assert await asyncio.gather(*calls) == [[2 * n] * 4 for n in range(10)]
    await turns()
    assert batcher.pending == 0


async def test_the_event_loop_goes_on_while_a_batch_runs(lanes: Lanes) -> None:
    run = Doubler()
    run.gate.clear()
    call = asyncio.create_task(make(run, lanes, delay_ms=0).submit([1]))
    await turns()
    assert not call.done()
    run.gate.set()
    assert await call == [2]


async def test_a_failed_batch_raises_in_its_callers_and_the_next_one_works(
    lanes: Lanes,
) -> None:
    batcher = make(Doubler(), lanes)
    with pytest.raises(ValueError, match="negative"):
        await batcher.submit([-1])
    assert await batcher.submit([1]) == [2]


async def test_a_cancelled_call_is_not_computed_and_frees_its_place(
    lanes: Lanes,
) -> None:
    run = Doubler()
    run.gate.clear()
    batcher = make(run, lanes, delay_ms=0, pending=16)
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


async def test_of_calls_that_wait_the_one_due_first_is_run_first(lanes: Lanes) -> None:
    run = Noting()
    run.gate.clear()
    batcher = make(run, lanes, delay_ms=0)
    calls = [asyncio.create_task(batcher.submit([0] * 8))]
    await turns()
    calls += [asyncio.create_task(batcher.submit([due] * 8, due)) for due in (5, 9, 3, 7)]
    await turns()
    run.gate.set()
    await asyncio.gather(*calls)
    # Each batch begins with what has waited longest; here a call fills a batch.
    assert [batch[0] for batch in run.seen] == [0, 5, 9, 3, 7]


async def test_a_batch_fills_up_with_what_is_due_first(lanes: Lanes) -> None:
    run = Noting()
    run.gate.clear()
    batcher = make(run, lanes, delay_ms=0)
    calls = [asyncio.create_task(batcher.submit([0] * 8))]
    await turns()
    calls += [asyncio.create_task(batcher.submit([due] * 4, due)) for due in (5, 9, 3, 7)]
    await turns()
    run.gate.set()
    await asyncio.gather(*calls)
    assert [batch[::4] for batch in run.seen] == [[0, 0], [5, 3], [9, 7]]


async def test_a_model_with_two_lanes_runs_two_batches_at_once() -> None:
    lanes = Lanes(2)
    both = threading.Barrier(2, timeout=10)

    def run(items: Sequence[int]) -> list[int]:
        both.wait()
        return list(items)

    batcher: MicroBatcher[int, int] = MicroBatcher(
        run, lanes, max_batch=1, max_delay_ms=0, max_pending=8
    )
    assert await batcher.submit([1, 2]) == [1, 2]
    lanes.close()


async def test_batchers_that_share_a_lane_take_turns(lanes: Lanes) -> None:
    run = Noting()
    run.gate.clear()
    first, second = make(run, lanes, delay_ms=0), make(run, lanes, delay_ms=0)
    calls = [asyncio.create_task(first.submit([1] * 8)) for _ in range(2)]
    await turns()
    calls.append(asyncio.create_task(second.submit([2] * 8)))
    await turns()
    run.gate.set()
    await asyncio.gather(*calls)
    assert sorted(batch[0] for batch in run.seen) == [1, 1, 2]


async def test_a_batch_is_still_filled_while_it_waits_for_a_lane(lanes: Lanes) -> None:
    run = Noting()
    run.gate.clear()
    busy, batcher = make(run, lanes, delay_ms=0), make(run, lanes, delay_ms=0)
    calls = [asyncio.create_task(busy.submit([0]))]
    await turns()
    calls += [asyncio.create_task(batcher.submit([n])) for n in (1, 2)]
    await turns()
    calls += [asyncio.create_task(batcher.submit([n])) for n in (3, 4)]
    await turns()
    run.gate.set()
    await asyncio.gather(*calls)
    assert run.seen == [[0], [1, 2, 3, 4]]


async def test_a_batch_says_how_long_its_calls_waited(lanes: Lanes) -> None:
    noted: list[tuple[int, Sequence[tuple[float, int]]]] = []

    def note(items: int, seconds: float, queued: Sequence[tuple[float, int]]) -> None:
        noted.append((items, queued))

    batcher: MicroBatcher[int, int] = MicroBatcher(
        Doubler(), lanes, max_batch=8, max_delay_ms=30, max_pending=8, note=note
    )
    await asyncio.gather(batcher.submit([1, 2]), batcher.submit([3]))
    ((items, queued),) = noted
    assert items == 3
    assert [count for _, count in queued] == [2, 1]
    assert all(waited_s >= 0.03 for waited_s, _ in queued)
