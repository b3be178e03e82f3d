"""How many batches run at the same time, all batchers of a model together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


class Lanes:
    """Threads that a model's batches run on. A batch takes its items once it has a lane, so that
    it fills up while others run; lanes are given in the order in which batches became ready.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._threads = ThreadPoolExecutor(count, "model")
        self._free = asyncio.Semaphore(count)

    @asynccontextmanager
    async def lane(self) -> AsyncIterator[None]:
        """Hold a lane for the length of a block."""
        async with self._free:
            yield

    async def run(self, call: Callable[[Sequence[In]], Out], items: Sequence[In]) -> Out:
        """Run a call on a thread; from within ``lane``."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, items)

    def run_blocking(self, call: Callable[[], Out]) -> Out:
        """Run a call on a thread and wait for it, without a loop."""
        return self._threads.submit(call).result()

    def close(self) -> None:
        """End the threads once what they are at is done."""
        self._threads.shutdown(wait=True, cancel_futures=True)
