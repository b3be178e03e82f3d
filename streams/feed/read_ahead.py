"""Reading files in a thread, one batch ahead of what is being sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import suppress

from streams.feed.item import FeedItem

#: A batch ends at whichever is reached first; two batches are in memory at most.
BATCH_ITEMS = 256
BATCH_BYTES = 8_000_000


class _Batches:
    """Takes batches from an iterator; an error waits until what came before it was handed out."""

    def __init__(self, items: Iterable[FeedItem]) -> None:
        self._items: Iterator[FeedItem] = iter(items)
        self._error: Exception | None = None

    def take(self) -> list[FeedItem]:
        """The next items, empty at the end. Raises what the iterator raised."""
        if self._error is not None:
            raise self._error
        batch: list[FeedItem] = []
        size = 0
        try:
            for item in self._items:
                batch.append(item)
                size += len(item.payload)
                if len(batch) >= BATCH_ITEMS or size >= BATCH_BYTES:
                    break
        except Exception as error:
            if not batch:
                raise
            self._error = error
        return batch

    def close(self) -> None:
        """Let a generator close its files."""
        close = getattr(self._items, "close", None)
        if close is not None:
            close()


async def read_ahead(items: Iterable[FeedItem]) -> AsyncGenerator[list[FeedItem], None]:
    """Batches of ``items`` in order, each read (decoded, encoded) off the event loop.

    Close it (``contextlib.aclosing``): only then has the thread let go of the files.
    """
    batches = _Batches(items)
    coming = asyncio.ensure_future(asyncio.to_thread(batches.take))
    try:
        while batch := await asyncio.shield(coming):
            coming = asyncio.ensure_future(asyncio.to_thread(batches.take))
            yield batch
    finally:
        # The thread cannot be interrupted, and a generator must not be closed while it runs.
        with suppress(Exception):
            await coming
        batches.close()
