"""Run one engine until a signal or a failure ends it."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Coroutine
from typing import Any

from streams.engine.base import BaseEngine

_log = logging.getLogger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def serve(engine: BaseEngine) -> int:
    """Run in the caller's loop. Returns 0 after SIGTERM or SIGINT, 1 when the engine failed.

    A second signal ends the drain, with 1: what was not committed is read again by the next worker.
    """
    loop = asyncio.get_running_loop()
    signalled = [asyncio.Event(), asyncio.Event()]

    def on_signal() -> None:
        (signalled[1] if signalled[0].is_set() else signalled[0]).set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal)
    try:
        await engine.start()
        await _first(signalled[0].wait(), engine.wait_failed())
        _log.info("engine stops", extra={"failed": engine.failure is not None})
        await _first(engine.stop(), signalled[1].wait())
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
    return 1 if engine.failure is not None or signalled[1].is_set() else 0


def run_worker(engine: BaseEngine) -> int:
    """Run a loop of its own for ``serve``; the answer is the process's exit code.

    Log records go wherever the program has pointed the root logger; without a handler they go to
    standard error at INFO.
    """
    if not logging.getLogger().handlers:
        logging.basicConfig(level=logging.INFO)
    return asyncio.run(serve(engine))


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    """Wait for whichever ends first, end the others and raise what it raised."""
    tasks = {asyncio.ensure_future(wait) for wait in waits}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
