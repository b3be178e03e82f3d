"""Waiting for a model outside this process: what it was asked is asked again until it answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from streams.errors import ModelUnanswered

log = logging.getLogger(__name__)

T = TypeVar("T")

#: First and longest pause between two calls, seconds. The model's own retries and circuit breaker
#: are below this; the longest is what a server that is back is left idle for at most.
_BACKOFF_S = (0.1, 5.0)
#: How long a call may still take once the worker ends, seconds; supervisors kill after 10 to 30 s,
#: and all the tries of a call to a server may take longer.
LAST_CALL_S = 3.0


async def until_answered(
    call: Callable[[], Awaitable[T]],
    *,
    wanted: Callable[[], bool],
    stop: asyncio.Event | None = None,
) -> T | None:
    """What ``call`` returns, called again for as long as it raises a retriable
    ``ModelUnanswered``; ``None`` once the answer is not ``wanted`` any more or ``stop`` is set.

    Raises what else ``call`` raises. ``wanted`` is asked after a failure and after each pause. A
    pause ends with ``stop``; a call that is made after it is given ``LAST_CALL_S``.
    """
    pause_s, longest_s = _BACKOFF_S
    while True:
        try:
            stopped = stop is not None and stop.is_set()
            return await (_last_call(call) if stopped else call())
        except ModelUnanswered as error:
            if not error.retriable:
                raise
            log.warning("waiting for the model: %s", error)
        if not wanted():
            return None
        if stop is None:
            await asyncio.sleep(pause_s)
        else:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause_s)
                return None
        if not wanted():
            return None
        pause_s = min(2 * pause_s, longest_s)


async def _last_call(call: Callable[[], Awaitable[T]]) -> T | None:
    """What a call returns; ``None`` where it takes too long."""
    under_way = asyncio.ensure_future(call())
    try:
        await asyncio.wait({under_way}, timeout=LAST_CALL_S)
        return under_way.result() if under_way.done() else None
    finally:
        under_way.cancel()
