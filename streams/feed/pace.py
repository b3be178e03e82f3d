"""When each sample is due by the wall clock, and how far behind that the feed is."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class PlayClock(Protocol):
    """Wall time, as the player needs it."""

    def now_s(self) -> float:
        """Monotonic seconds."""

    async def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""


class WallClock:
    """The real one."""

    def now_s(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        await asyncio.sleep(seconds)


class Pace:
    """The schedule of one feed: the first sample is due at once, others by their distance to it.

    ``speed``: 2 is twice as fast as recorded, ``None`` has every sample due at once.
    """

    def __init__(self, clock: PlayClock, speed: float | None) -> None:
        self._clock = clock
        self._speed = speed
        self._begin_s = clock.now_s()
        self._first_us: int | None = None
        self.lag_s = 0.0
        self.max_lag_s = 0.0

    @property
    def seconds(self) -> float:
        """Since the pace was set up."""
        return self._clock.now_s() - self._begin_s

    def wait_s(self, due_us: int) -> float:
        """Seconds until a sample is due; 0 or less now, and then the lag is taken."""
        if self._first_us is None:
            self._first_us = due_us
            self._begin_s = self._clock.now_s()
        if self._speed is None:
            return 0.0
        wait_s = (due_us - self._first_us) / 1e6 / self._speed - self.seconds
        self.lag_s = max(0.0, -wait_s)
        self.max_lag_s = max(self.max_lag_s, self.lag_s)
        return wait_s

    async def sleep(self, seconds: float) -> None:
        """Let ``seconds`` of the clock pass."""
        await self._clock.sleep(seconds)
