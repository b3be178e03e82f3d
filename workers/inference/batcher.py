"""Micro-batching: calls made at the same time share one run of the network."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(slots=True)
class _Job(Generic[In, Out]):
    items: Sequence[In]
    arrived_s: float
    done: asyncio.Future[list[Out]]


class MicroBatcher(Generic[In, Out]):
    """Groups items of concurrent ``submit`` calls and runs them on an executor.

    A batch starts when ``max_batch`` items wait or the oldest has waited ``max_delay_ms``; while
    one runs the next one gathers. At most ``max_pending`` items wait or run; further calls wait
    their turn. Use from one event loop. ``run`` is called from the executor's thread with 1 to
    ``max_batch`` items and returns as many results, in order.
    """

    def __init__(
        self,
        run: Callable[[Sequence[In]], Sequence[Out]],
        executor: Executor,
        *,
        max_batch: int,
        max_delay_ms: float,
        max_pending: int,
    ) -> None:
        self._run = run
        self._executor = executor
        self._max_batch = max_batch
        self._max_delay_s = max_delay_ms / 1_000
        self._max_pending = max(max_pending, max_batch)
        # Invariants: _waiting = items in _jobs; _pending = _waiting + items in the running batch.
        self._jobs: deque[_Job[In, Out]] = deque()
        self._waiting = 0
        self._pending = 0
        self._full = asyncio.Event()
        self._room = asyncio.Condition()
        self._drainer: asyncio.Task[None] | None = None

    @property
    def pending(self) -> int:
        """Items that wait or run."""
        return self._pending

    async def submit(self, items: Sequence[In]) -> list[Out]:
        """One result per item, in order. Raises what ``run`` raises."""
        futures = []
        try:
            for start in range(0, len(items), self._max_batch):
                part = items[start : start + self._max_batch]
                # Not a comprehension: what is enqueued when a cancellation comes must be known.
                futures.append(await self._enqueue(part))
            parts = await asyncio.gather(*futures)
        finally:
            # Cancelled or failed: what still waits need not be computed.
            for future in futures:
                future.cancel()
        return [result for part in parts for result in part]

    async def _enqueue(self, items: Sequence[In]) -> asyncio.Future[list[Out]]:
        async with self._room:
            await self._room.wait_for(lambda: self._pending + len(items) <= self._max_pending)
            self._pending += len(items)
        self._waiting += len(items)
        job: _Job[In, Out] = _Job(
            items, time.monotonic(), asyncio.get_running_loop().create_future()
        )
        self._jobs.append(job)
        if self._waiting >= self._max_batch:
            self._full.set()
        if self._drainer is None or self._drainer.done():
            self._drainer = asyncio.create_task(self._drain())
        return job.done

    async def _drain(self) -> None:
        """Run batches until nothing waits; ends by itself, so an idle batcher holds no task."""
        while self._jobs:
            await self._gather()
            jobs = self._take()
            try:
                await self._execute([job for job in jobs if not job.done.done()])
            finally:
                async with self._room:
                    self._pending -= sum(len(job.items) for job in jobs)
                    self._room.notify_all()

    async def _gather(self) -> None:
        """Wait until a batch is full or the oldest job's delay is over."""
        left_s = self._jobs[0].arrived_s + self._max_delay_s - time.monotonic()
        if self._waiting < self._max_batch and left_s > 0:
            self._full.clear()
            try:
                async with asyncio.timeout(left_s):
                    await self._full.wait()
            except TimeoutError:
                return

    def _take(self) -> list[_Job[In, Out]]:
        """The oldest jobs that fit one batch, at least one."""
        taken = [self._jobs.popleft()]
        size = len(taken[0].items)
        while self._jobs and size + len(self._jobs[0].items) <= self._max_batch:
            taken.append(self._jobs.popleft())
            size += len(taken[-1].items)
        self._waiting -= size
        return taken

    async def _execute(self, jobs: list[_Job[In, Out]]) -> None:
        if not jobs:
            return
        items = [item for job in jobs for item in job.items]
        try:
            results = await asyncio.get_running_loop().run_in_executor(
                self._executor, self._run, items
            )
        except Exception as error:
            for job in jobs:
                if not job.done.done():
                    job.done.set_exception(error)
            return
        except asyncio.CancelledError:
            for job in jobs:
                job.done.cancel()
            raise
        start = 0
        for job in jobs:
            if not job.done.done():
                job.done.set_result(list(results[start : start + len(job.items)]))
            start += len(job.items)
