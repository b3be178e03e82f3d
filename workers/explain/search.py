"""Finds a window's results on the session's partition, reading as little of it as it can."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from schemas.units import US_PER_MS
from workers.explain.model import NotFound, Span
from workers.explain.published import NEARBY, Published, Sighting, read_published
from workers.explain.reader import PartitionReader
from workers.explain.selector import ById, ByStart, Selector

#: A live result is published when its window is over. Clocks that run ahead of the broker's may
#: turn that round; one that does so by more costs a second reading, from the beginning.
_CLOCKS_APART_MS = 60_000
#: Records of the first stretch that is read from the end; each one before it is twice as long.
_FIRST_STRETCH = 1_000
_LONGEST_STRETCH = 64_000


async def find_window(
    reader: PartitionReader, topic: str, partition: int, session: str, selector: Selector
) -> Sighting | NotFound:
    """The window's revisions and neighbours. Raises ``TopicError`` without a results topic."""
    partitions = reader.expect(topic)
    missing = NotFound(topic, partition, partitions)
    if partition >= partitions:
        return missing
    source = _Source(reader, topic, partition, session)
    end = await reader.end(topic, partition)
    if isinstance(selector, ByStart):
        start_us: int | None = selector.start_us
    else:
        start_us, nearby = await _newest(source, end, selector)
        missing = NotFound(topic, partition, partitions, nearby)
    if start_us is None:
        return missing
    return await _around(source, start_us, end, missing)


class _Source:
    """The session's results on its partition."""

    def __init__(self, reader: PartitionReader, topic: str, partition: int, session: str) -> None:
        self._reader = reader
        self._topic = topic
        self._partition = partition
        self._key = session.encode()

    async def place_of(self, timestamp_ms: int) -> int | None:
        return await self._reader.at_or_after(self._topic, self._partition, timestamp_ms)

    async def read(
        self, first: int, end: int
    ) -> AsyncGenerator[tuple[int, Published | None], None]:
        """Every offset, with the result where it is one of the session's."""
        records = self._reader.read(self._topic, self._partition, first, end)
        async with aclosing(records):
            async for record in records:
                mine = record.key == self._key
                body = record.value or b""
                yield record.offset, read_published(record.offset, body) if mine else None


async def _newest(
    source: _Source, end: int, selector: Selector
) -> tuple[int | None, tuple[Span, ...]]:
    """Read back from the end to the window that is meant; its start, or the newest windows."""
    newest: set[Span] = set()
    stretch = _FIRST_STRETCH
    while end > 0:
        first = max(0, end - stretch)
        found: list[Published] = []
        async with aclosing(source.read(first, end)) as results:
            async for _, published in results:
                if published is not None:
                    found.append(published)
        for published in found:
            if isinstance(selector, ById):
                if published.result.id == selector.result_id:
                    return published.span.start_us, ()
                newest.add(published.span)
        if found and not isinstance(selector, ById):
            return max(published.span.start_us for published in found), ()
        newest = set(sorted(newest)[-NEARBY:])
        end, stretch = first, min(2 * stretch, _LONGEST_STRETCH)
    return None, tuple(sorted(newest))


async def _around(
    source: _Source, start_us: int, end: int, missing: NotFound
) -> Sighting | NotFound:
    """Read on from where the window's results should begin, else everything."""
    first = await source.place_of(start_us // US_PER_MS - _CLOCKS_APART_MS)
    sighting = Sighting(start_us)
    if first is not None:
        await _watch(source, sighting, first, end)
    if not sighting.found and first != 0:
        sighting = Sighting(start_us)
        await _watch(source, sighting, 0, end)
    if not sighting.found:
        return NotFound(missing.topic, missing.partition, missing.partitions, sighting.nearby())
    return sighting


async def _watch(source: _Source, sighting: Sighting, first: int, end: int) -> None:
    async with aclosing(source.read(first, end)) as results:
        async for offset, published in results:
            if published is not None:
                sighting.add(published)
            if sighting.complete(offset):
                return
