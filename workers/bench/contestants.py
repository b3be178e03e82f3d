"""Starts measured processes and waits for what they say."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from streams.stack.errors import log_tail
from streams.stack.process import LeashedProcess
from workers.bench.contestant import Order
from workers.bench.errors import ContestantEnded

#: Seconds until a process must read from its topics.
_READY_TIMEOUT_S = 60.0
#: Seconds from SIGTERM until a process is given up.
_STOP_TIMEOUT_S = 60.0
#: Seconds between two looks at a process; a wait on it, so that its end is seen at once.
_LOOK_S = 0.05

T = TypeVar("T")


class Contestant:
    """One measured process; it cannot outlive this one."""

    def __init__(
        self, name: str, order: Order, *, folder: Path, environ: Mapping[str, str]
    ) -> None:
        """``name`` must be new in ``folder``, where order, answer and log are kept."""
        self.name = name
        self._answer = folder / f"{name}.answer.json"
        self._ready = folder / f"{name}.ready"
        self._log_path = folder / f"{name}.log"
        order_path = folder / f"{name}.order.json"
        order = msgspec.structs.replace(
            order, ready_file=str(self._ready), answer_file=str(self._answer)
        )
        order_path.write_bytes(msgspec.json.encode(order))
        self._process = LeashedProcess(
            name,
            [sys.executable, "-m", "workers.bench.contestant", str(order_path)],
            cwd=Path.cwd(),
            log_path=self._log_path,
            environ={"NO_CYTHON": "1", **environ},
        )

    def end(self) -> None:
        """End it without waiting for its answer; without effect where it has ended."""
        self._process.stop()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def check(self) -> None:
        """Raise ``ContestantEnded`` where the process has ended."""
        if not self._process.alive:
            raise self._ended("it to run")

    async def ready(self) -> None:
        """Return once it reads from its topics. Raises ``ContestantEnded``."""
        async with self._within(_READY_TIMEOUT_S, "it to read its topics"):
            while not self._ready.exists():
                await asyncio.to_thread(self._process.wait, _LOOK_S)
                self.check()

    async def answer(self, type_: type[T]) -> T:
        """Wait for its end and return its answer. Raises ``ContestantEnded`` without one."""
        while not await asyncio.to_thread(self._process.wait, _LOOK_S):
            pass
        if self._process.returncode != 0 or not self._answer.exists():
            raise self._ended("an answer")
        return msgspec.json.decode(self._answer.read_bytes(), type=type_)

    async def stop(self, type_: type[T]) -> T:
        """Send SIGTERM and return its answer. Raises ``ContestantEnded`` without one."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGTERM)
        async with self._within(_STOP_TIMEOUT_S, "it to end"):
            return await self.answer(type_)

    @contextlib.asynccontextmanager
    async def _within(self, seconds: float, expected: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            raise ContestantEnded(
                f"{self.name}: expected {expected} within {seconds:g} s; "
                "is the machine overloaded?",
                self._log_path,
            ) from None

    def _ended(self, expected: str) -> ContestantEnded:
        words = " ".join("".join(log_tail(self._log_path)[-1:]).split())
        return ContestantEnded(
            f"{self.name}: expected {expected}, got its end with status "
            f"{self._process.returncode}: {words or 'it said nothing'}",
            self._log_path,
        )
