"""Gathers what the topics say of one window: its results, its samples, what was diverted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import aclosing

from schemas.pipeline import Pipeline
from schemas.settings import KafkaSettings
from schemas.units import US_PER_MS
from streams.errors import TopicError
from workers.explain.compose import Gathered, compose, view_of
from workers.explain.kinds import offsets_of
from workers.explain.model import Explanation, NotFound, Span
from workers.explain.published import Published, Sighting
from workers.explain.reader import OnProgress, PartitionReader, partition_of
from workers.explain.records import Diverted, Placed, place, place_dead_letter, place_late
from workers.explain.search import find_window
from workers.explain.selector import Selector
from workers.explain.words import counted

#: Of a topic that is read through, bytes at a time.
_WIDE_FETCH_BYTES = 4_000_000
#: Of a topic of which single records are picked, bytes at a time: a fetch brings what follows too.
_NARROW_FETCH_BYTES = 256_000
#: Records between two wanted ones that are rather read than jumped over.
_SMALL_GAP = 64
#: Samples that are looked up again; a picture of 78 columns does not show more.
MAX_SAMPLES = 5_000
#: Diverted records and their bytes that are looked through, for each of `.late` and `.dlq`.
MAX_DIVERTED = 20_000
MAX_DIVERTED_BYTES = 256_000_000
#: How far a diverted record's Kafka timestamp may be behind its event time and still be found.
_CLOCKS_APART_MS = 60_000


async def explain(
    pipeline: Pipeline,
    session: str,
    selector: Selector,
    kafka: KafkaSettings,
    *,
    partition: int | None = None,
    on_progress: OnProgress | None = None,
) -> Explanation | NotFound:
    """Why a window looks as it does; ``NotFound`` names windows nearby.

    ``partition``: where the session's records are, for producers with a partitioner of their own.
    Raises ``TopicError`` without a results topic or that partition of it, ``BrokerUnreachable``
    where the broker stalls.
    """
    topic = pipeline.results_topic
    async with PartitionReader(kafka, _WIDE_FETCH_BYTES, on_progress) as reader:
        partitions = reader.expect(topic)
        if partition is None:
            partition = partition_of(session, partitions)
        elif partition >= partitions:
            raise TopicError(
                f"{topic}: expected a partition below {partitions}, as many as the topic has, got "
                f"{partition}; without one it is found by the session's name"
            )
        found = await find_window(reader, topic, partition, session, selector)
        if isinstance(found, NotFound):
            return found
        limits: list[str] = []
        window = found.revisions()[-1].span
        diverted = await _diverted(reader, pipeline, partition, session, window, limits)
    async with PartitionReader(kafka, _NARROW_FETCH_BYTES, on_progress) as reader:
        samples = await _samples(reader, pipeline, partition, found, limits)
    return compose(
        pipeline,
        Gathered(
            partition=partition,
            revisions=found.revisions(),
            previous=found.previous,
            next=found.next,
            samples=samples,
            diverted=diverted,
            limits=limits,
        ),
    )


async def _diverted(
    reader: PartitionReader,
    pipeline: Pipeline,
    partition: int,
    session: str,
    window: Span,
    limits: list[str],
) -> list[Diverted]:
    """The session's late samples and dead letters from the window's time on."""
    since_us = view_of(pipeline, window).start_us
    found: list[Diverted] = []
    for topic, read in ((pipeline.late_topic, place_late), (pipeline.dlq_topic, place_dead_letter)):
        if partition >= reader.partitions(topic):
            limits.append(f"There is no topic {topic} to look for diverted samples.")
            continue
        end = await reader.end(topic, partition)
        # They keep the Kafka timestamps of the samples, so older ones cannot be of this window.
        since_ms = since_us // US_PER_MS - _CLOCKS_APART_MS
        first = await reader.at_or_after(topic, partition, since_ms)
        read_bytes = looked_at = 0
        async with aclosing(
            reader.read(topic, partition, end if first is None else first, end)
        ) as records:
            async for record in records:
                if looked_at >= MAX_DIVERTED or read_bytes >= MAX_DIVERTED_BYTES:
                    limits.append(
                        f"Only {looked_at} records of {topic} were looked through; "
                        f"{counted(end - record.offset, 'record')} after them "
                        f"{'was' if end - record.offset == 1 else 'were'} not."
                    )
                    break
                looked_at += 1
                read_bytes += len(record.value or b"")
                if record.key == session.encode() and (one := read(record, pipeline)) is not None:
                    found.append(one)
    return found


async def _samples(
    reader: PartitionReader,
    pipeline: Pipeline,
    partition: int,
    sighting: Sighting,
    limits: list[str],
) -> list[Placed]:
    """The samples that the window's newest result names, then its neighbours', up to the cap."""
    found: list[Placed] = []
    for name, offsets in _wanted(sighting, pipeline, limits).items():
        topic = pipeline.topic(name)
        if partition >= reader.partitions(topic):
            limits.append(f"There is no topic {topic} to look up samples.")
            continue
        end = await reader.end(topic, partition)
        for first, last in merged(sorted(offsets)):
            async with aclosing(
                reader.read(topic, partition, first, min(last + 1, end))
            ) as records:
                async for record in records:
                    if record.offset in offsets:
                        placed = place(record, record.offset, name, pipeline)
                        if placed is not None:
                            found.append(placed)
    return found


def _wanted(
    sighting: Sighting, pipeline: Pipeline, limits: list[str]
) -> dict[str, Collection[int]]:
    """Input -> offsets to look up; the window's own before those of its neighbours."""
    wanted: dict[str, set[int]] = {name: set() for name in pipeline.inputs}
    room = MAX_SAMPLES
    neighbours = [one for one in (sighting.previous, sighting.next) if one is not None]
    for published in (sighting.revisions()[-1], *neighbours):
        for name, offset in _named(published):
            if name not in wanted or offset in wanted[name]:
                continue
            if not room:
                limits.append(f"Only {counted(MAX_SAMPLES, 'sample')} were looked up and drawn.")
                return {name: offsets for name, offsets in wanted.items() if offsets}
            wanted[name].add(offset)
            room -= 1
    return {name: offsets for name, offsets in wanted.items() if offsets}


def _named(published: Published) -> Iterator[tuple[str, int]]:
    for use in published.result.sensors.values():
        for offset in offsets_of(use):
            yield use.input, offset


def merged(offsets: Iterable[int], gap: int = _SMALL_GAP) -> Sequence[tuple[int, int]]:
    """Ascending offsets as [first, last] stretches; small gaps are part of them.

    >>> merged([3, 4, 9, 200], gap=8)
    [(3, 9), (200, 200)]
    """
    stretches: list[tuple[int, int]] = []
    for offset in offsets:
        if stretches and offset - stretches[-1][1] <= gap:
            stretches[-1] = (stretches[-1][0], offset)
        else:
            stretches.append((offset, offset))
    return stretches
