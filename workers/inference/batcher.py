"""Micro-batching: calls made at the same time share one run of the network."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from workers.inference.lanes import Lanes

In = TypeVar("In")
Out = TypeVar("Out")


#: Told of a batch that is done: its items, its seconds, and of each call that is in it the seconds
#: from its submission to the batch's start with its number of items.
NoteBatch = Callable[[int, float, Sequence[tuple[float, int]]], None]


def _note_nothing(items: int, seconds: float, queued: Sequence[tuple[float, int]]) -> None:
    """Nobody asks."""


@dataclass(slots=True)
class _Job(Generic[In, Out]):
    items: Sequence[In]
    due_us: int
    arrived_s: float
    done: asyncio.Future[list[Out]]


class MicroBatcher(Generic[In, Out]):
    """Groups items of concurrent ``submit`` calls and runs them on a lane.

    A batch is ready when ``max_batch`` items wait or the oldest has waited ``max_delay_ms``. Once
    it has a lane it takes the call that has waited longest, so that none waits for ever, and fills
    up with what is due first. At most ``max_pending`` items wait or run; further calls wait their
    turn. Use from one event loop. ``run`` is called from a lane's thread with 1 to ``max_batch``
    items and returns as many results, in order.
    """

    def __init__(
        self,
        run: Callable[[Sequence[In]], Sequence[Out]],
        lanes: Lanes,
        *,
        max_batch: int,
        max_delay_ms: float,
        max_pending: int,
        note: NoteBatch = _note_nothing,
    ) -> None:
        self._run = run
        self._lanes = lanes
        self._max_batch = max_batch
        self._max_delay_s = max_delay_ms / 1_000
        self._max_pending = max(max_pending, max_batch)
        self._note = note
        # Invariants: _jobs in order of arrival; _waiting = items in _jobs; _pending = _waiting +
        # items in running batches.
        self._jobs: list[_Job[In, Out]] = []
        self._waiting = 0
        self._pending = 0
        self._full = asyncio.Event()
        self._room = asyncio.Condition()
        self._drainer: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    @property
    def pending(self) -> int:
        """Items that wait or run."""
        return self._pending

    async def submit(self, items: Sequence[In], due_us: int = 0) -> list[Out]:
        """One result per item, in order; raises what ``run`` raises. ``due_us``: calls with less
        of it go first.
        """
        futures = []
        try:
            for start in range(0, len(items), self._max_batch):
                part = items[start : start + self._max_batch]
                # Not a comprehension: what is enqueued when a cancellation comes must be known.
                futures.append(await self._enqueue(part, due_us))
            parts = await asyncio.gather(*futures)
        finally:
            # Cancelled or failed: what still waits need not be computed.
            for future in futures:
                future.cancel()
        return [result for part in parts for result in part]

    async def _enqueue(self, items: Sequence[In], due_us: int) -> asyncio.Future[list[Out]]:
        async with self._room:
            await self._room.wait_for(lambda: self._pending + len(items) <= self._max_pending)
            self._pending += len(items)
        self._waiting += len(items)
        done: asyncio.Future[list[Out]] = asyncio.get_running_loop().create_future()
        self._jobs.append(_Job(items, due_us, time.monotonic(), done))
        if self._waiting >= self._max_batch:
            self._full.set()
        if self._drainer is None or self._drainer.done():
            self._drainer = asyncio.create_task(self._drain())
        return done

    async def _drain(self) -> None:
        """Start batches until nothing waits; ends by itself, so an idle batcher holds no task."""
        while self._jobs:
            await self._gather()
            ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(self._batch(ready))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            # The next batch gathers once this one has a lane and knows what it takes.
            await asyncio.wait({ready, task}, return_when=asyncio.FIRST_COMPLETED)

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

    async def _batch(self, taken: asyncio.Future[None]) -> None:
        async with self._lanes.lane():
            jobs = self._take()
            taken.set_result(None)
            try:
                await self._execute([job for job in jobs if not job.done.done()])
            finally:
                async with self._room:
                    self._pending -= sum(len(job.items) for job in jobs)
                    self._room.notify_all()

    def _take(self) -> list[_Job[In, Out]]:
        """The oldest job, and those due first that fit one batch with it."""
        taken = [self._jobs[0]]
        size = len(taken[0].items)
        if size + self._waiting > self._max_batch:
            rest = sorted(self._jobs[1:], key=lambda job: job.due_us)
        else:
            rest = self._jobs[1:]
        for job in rest:
            if size + len(job.items) > self._max_batch:
                break
            taken.append(job)
            size += len(job.items)
        chosen = {id(job) for job in taken}
        self._jobs = [job for job in self._jobs if id(job) not in chosen]
        self._waiting -= size
        return taken

    async def _execute(self, jobs: list[_Job[In, Out]]) -> None:
        if not jobs:
            return
        items = [item for job in jobs for item in job.items]
        began_s = time.monotonic()
        try:
            results = await self._lanes.run(self._run, items)
        except Exception as error:
            for job in jobs:
                if not job.done.done():
                    job.done.set_exception(error)
            return
        except asyncio.CancelledError:
            for job in jobs:
                job.done.cancel()
            raise
        queued = [(began_s - job.arrived_s, len(job.items)) for job in jobs]
        self._note(len(items), time.monotonic() - began_s, queued)
        start = 0
        for job in jobs:
            if not job.done.done():
                job.done.set_result(list(results[start : start + len(job.items)]))
            start += len(job.items)
