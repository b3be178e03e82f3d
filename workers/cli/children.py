"""Running a command that has children: SIGTERM ends it as Ctrl-C does, children first."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

from workers.cli.failures import Terminated

T = TypeVar("T")


def run_with_children(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end. On SIGTERM the work is cancelled, cleans up, and ``Terminated`` is raised.

    A group of errors is raised as its first one.
    """
    try:
        return asyncio.run(_guarded(work))
    except BaseExceptionGroup as group:
        raise _first(group) from None


async def _guarded(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    terminated = False

    def on_term() -> None:
        nonlocal terminated
        terminated = True
        task.cancel()

    loop.add_signal_handler(signal.SIGTERM, on_term)
    try:
        return await task
    except asyncio.CancelledError:
        if terminated:
            raise Terminated from None
        raise
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
