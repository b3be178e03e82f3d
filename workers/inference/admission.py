"""Who may be decoded and encoded next, and what is dropped where too much waits.

The queue in front of the model is bounded per input. What happens at the bound is what the input
says under ``overload``: with ``wait`` whoever brings samples waits, and so does the reading of
Kafka; with ``drop_newest`` what comes is dropped, with ``drop_oldest`` what has waited longest of
that input. A dropped sample is no bad sample: it goes on without a feature and is counted as
dropped in its window's result.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

Overload = Literal["wait", "drop_oldest", "drop_newest"]


@dataclass(slots=True, eq=False)
class _Block:
    input: str
    size: int
    due_us: int
    #: True: it may go on; False: it was dropped.
    told: asyncio.Future[bool]
    left: bool = field(default=False)


class Admission:
    """A gate in front of decoding. ``at_once`` samples are behind it at most; ``max_waiting`` of
    an input that drops wait before it. Use from one event loop.

    Of what waits, the block that is due first goes first; every second turn is for the one that
    has waited longest, so that none waits for ever.
    """

    def __init__(self, policies: Mapping[str, Overload], *, at_once: int, max_waiting: int) -> None:
        """``policies``: input -> what to do when ``max_waiting`` samples of it wait."""
        self._policies = dict(policies)
        self._at_once = at_once
        self._max_waiting = max_waiting
        self._inside = 0
        self._by_due: list[tuple[int, int, _Block]] = []
        self._by_arrival: deque[_Block] = deque()
        self._waiting: dict[str, int] = dict.fromkeys(policies, 0)
        self._count = 0
        self._oldest_next = False

    def waiting(self, input: str) -> int:
        """Samples of an input that wait."""
        return self._waiting.get(input, 0)

    @asynccontextmanager
    async def turn(self, input: str, size: int, due_us: int) -> AsyncIterator[bool]:
        """Wait for the turn of ``size`` samples of an input and hold it for the length of a block.

        False: they were dropped, and hold nothing.
        """
        if not await self._admitted(input, size, due_us):
            yield False
            return
        try:
            yield True
        finally:
            self._inside -= size
            self._let_in()

    async def _admitted(self, input: str, size: int, due_us: int) -> bool:
        if not self._make_room(input, size):
            return False
        told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        block = _Block(input, size, due_us, told)
        self._count += 1
        heapq.heappush(self._by_due, (due_us, self._count, block))
        self._by_arrival.append(block)
        self._waiting[input] = self._waiting.get(input, 0) + size
        self._let_in()
        try:
            return await told
        except asyncio.CancelledError:
            if not block.left:
                self._leave(block)
            elif not told.cancelled() and told.result():
                self._inside -= size
                self._let_in()
            raise

    def _make_room(self, input: str, size: int) -> bool:
        """Whether more of the input may wait, after what it says was dropped for it."""
        policy = self._policies.get(input, "wait")
        if policy == "wait":
            return True
        # Where nothing waits, a block larger than the bound is let through.
        while self.waiting(input) and self.waiting(input) + size > self._max_waiting:
            if policy == "drop_newest":
                return False
            self._drop(next(b for b in self._by_arrival if b.input == input and not b.left))
        return True

    def _drop(self, block: _Block) -> None:
        self._leave(block)
        block.told.set_result(False)

    def _leave(self, block: _Block) -> None:
        block.left = True
        self._waiting[block.input] -= block.size

    def _let_in(self) -> None:
        while self._skim() and (
            not self._inside or self._inside + self._next().size <= self._at_once
        ):
            block = self._next()
            self._oldest_next = not self._oldest_next
            self._leave(block)
            self._inside += block.size
            block.told.set_result(True)

    def _skim(self) -> bool:
        """Forget blocks that have left; whether any waits."""
        while self._by_due and self._by_due[0][2].left:
            heapq.heappop(self._by_due)
        while self._by_arrival and self._by_arrival[0].left:
            self._by_arrival.popleft()
        return bool(self._by_due)

    def _next(self) -> _Block:
        return self._by_arrival[0] if self._oldest_next else self._by_due[0][2]
