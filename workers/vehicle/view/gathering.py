"""Gathers what the topics say of a session, window by window, for the pictures."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas.errors import WireError
from schemas.object_events import SITUATION_EVENT_TYPES, SituationEvent, decode_any_event
from schemas.objects import TrackedObject
from schemas.pipeline import Pipeline
from schemas.sample import Modality, Sample
from schemas.settings import KafkaSettings
from schemas.units import iso_to_us
from streams.records import Record
from workers.codecs.media_type import parse_media_type
from workers.codecs.points import parse_points
from workers.errors import CodecError, ViewError
from workers.explain.published import Published, read_published
from workers.explain.reader import OnProgress, PartitionReader, partition_of
from workers.insight.pictures import frame_of
from workers.insight.rereading import reread
from workers.vehicle.calibration.rig import Rig, transform
from workers.vehicle.view.sight import Image, Sight
from workers.vehicle.view.strip import SPAN_US

_FETCH_BYTES = 4_000_000
#: Positions of an object that are drawn behind it.
_TRAIL = 30
#: Final results of one session that are kept in memory while the topic is read.
MAX_WINDOWS = 20_000


@dataclass(slots=True)
class _Memory:
    """What earlier windows leave for later pictures."""

    ticks: dict[str, deque[int]] = field(default_factory=dict)
    trails: dict[str, deque[tuple[float, float]]] = field(default_factory=dict)


async def published_windows(
    pipeline: Pipeline,
    session: str,
    kafka: KafkaSettings,
    *,
    partition: int | None = None,
    last: int | None = None,
    on_progress: OnProgress | None = None,
) -> list[Published]:
    """The session's final results in the order of their windows, the ``last`` of them.

    Raises ``TopicError`` without a results topic, ``ViewError`` where the session has none or more
    than ``MAX_WINDOWS``, ``BrokerUnreachable``.
    """
    topic = pipeline.results_topic
    found: dict[int, Published] = {}
    async with PartitionReader(kafka, _FETCH_BYTES, on_progress) as reader:
        at = partition_of(session, reader.expect(topic)) if partition is None else partition
        async with aclosing(reader.read(topic, at, 0, await reader.end(topic, at))) as records:
            async for record in records:
                if record.key != session.encode() or record.value is None:
                    continue
                one = read_published(record.offset, record.value)
                if one is not None and one.result.final:
                    found.setdefault(one.span.start_us, one)
                if len(found) > MAX_WINDOWS:
                    raise ViewError(
                        f"{session}: expected at most {MAX_WINDOWS} windows, got more; feed a "
                        "shorter recording"
                    )
    if not found:
        raise ViewError(f"{topic}: expected results of session {session!r}, got none")
    ordered = [found[start_us] for start_us in sorted(found)]
    return ordered if last is None else ordered[-last:]


async def situations(
    pipeline: Pipeline, session: str, kafka: KafkaSettings, partition: int | None = None
) -> list[SituationEvent]:
    """Every change of a situation of the session, in the topic's order."""
    topic = pipeline.events_topic
    kinds = frozenset(SITUATION_EVENT_TYPES.values())
    changes: list[SituationEvent] = []
    async with PartitionReader(kafka, _FETCH_BYTES) as reader:
        if not reader.partitions(topic):
            return changes
        at = partition_of(session, reader.expect(topic)) if partition is None else partition
        async with aclosing(reader.read(topic, at, 0, await reader.end(topic, at))) as records:
            async for record in records:
                kind = (dict(record.headers).get("ce_type") or b"").decode("ascii", "replace")
                if record.key == session.encode() and kind in kinds:
                    changes += _situation(kind, record)
    return changes


def _situation(kind: str, record: Record) -> Iterable[SituationEvent]:
    try:
        found = decode_any_event(kind, record.value or b"")
    except WireError:
        return []
    return [found] if isinstance(found, SituationEvent) else []


async def newest_session(pipeline: Pipeline, kafka: KafkaSettings) -> str:
    """The session of the result that was published last, over all partitions.

    Raises ``TopicError`` without a results topic, ``ViewError`` where it is empty.
    """
    topic = pipeline.results_topic
    newest: tuple[int, str] | None = None
    async with PartitionReader(kafka, _FETCH_BYTES) as reader:
        for partition in range(reader.expect(topic)):
            end = await reader.end(topic, partition)
            async with aclosing(reader.read(topic, partition, max(0, end - 1), end)) as records:
                async for record in records:
                    named = (record.timestamp_ms, (record.key or b"").decode("utf-8", "replace"))
                    newest = max(newest, named) if newest else named
    if newest is None:
        raise ViewError(f"{topic}: expected results, got none; feed it and start a worker")
    return newest[1]


async def sights(
    pipeline: Pipeline,
    windows: list[Published],
    changes: list[SituationEvent],
    kafka: KafkaSettings,
    rig: Rig | None,
    *,
    partition: int | None = None,
) -> AsyncIterator[Sight]:
    """A picture's content for every window, its samples read again from their topics."""
    memory = _Memory()
    previous: Published | None = None
    async with PartitionReader(kafka, _FETCH_BYTES) as reader:
        for published in windows:
            session = published.result.session
            at = partition
            if at is None:
                at = partition_of(session, reader.expect(pipeline.results_topic))
            reading = await reread(reader, pipeline, at, published, previous)
            yield _sight(published, reading.samples, changes, rig, memory)
            previous = published


def _sight(
    published: Published,
    samples: Mapping[str, list[Sample]],
    changes: list[SituationEvent],
    rig: Rig | None,
    memory: _Memory,
) -> Sight:
    result, span = published.result, published.span
    objects = result.objects if isinstance(result.objects, list) else []
    _remember(memory, objects, samples, span.end_us)
    frames: dict[str, Image] = {}
    clouds: list[NDArray[np.float32]] = []
    for label, taken in samples.items():
        if taken and taken[-1].modality is Modality.VIDEO:
            frames |= _frame(label, taken[-1])
        elif taken and taken[-1].modality is Modality.POINTS:
            clouds += _cloud(label, taken[-1], rig)
    return Sight(
        session=result.session,
        start_us=span.start_us,
        end_us=span.end_us,
        frames=frames,
        points=np.concatenate(clouds) if clouds else None,
        objects=objects,
        trails={key: np.array(places) for key, places in memory.trails.items() if len(places) > 1},
        samples={label: tuple(times) for label, times in memory.ticks.items()},
        absent={
            label: use.absent for label, use in result.sensors.items() if use.absent is not None
        },
        situations=open_at(changes, span.end_us),
    )


def _remember(
    memory: _Memory,
    objects: list[TrackedObject],
    samples: Mapping[str, list[Sample]],
    end_us: int,
) -> None:
    here = {
        item.object_id: item.kinematics.position for item in objects if item.kinematics is not None
    }
    for key in memory.trails.keys() - here.keys():
        del memory.trails[key]
    for key, (x, y, _) in here.items():
        memory.trails.setdefault(key, deque(maxlen=_TRAIL)).append((x, y))
    for label, taken in samples.items():
        times = memory.ticks.setdefault(label, deque())
        times.extend(sample.start_us for sample in taken)
        while times and times[0] < end_us - SPAN_US:
            times.popleft()


def _frame(label: str, sample: Sample) -> dict[str, Image]:
    try:
        return {label: np.ascontiguousarray(frame_of(sample.payload)[:, :, ::-1])}
    except ValueError:
        return {}


def _cloud(label: str, sample: Sample, rig: Rig | None) -> list[NDArray[np.float32]]:
    """The sweep in the objects' frame; none where its payload cannot be read."""
    try:
        points = parse_points(sample.payload, parse_media_type(sample.content_type))[:, :3]
    except CodecError:
        return []
    matrix = rig.to_frame.get(label) if rig is not None else None
    if matrix is None:
        return [points]
    return [transform(matrix, points.astype(np.float64)).astype(np.float32)]


def open_at(changes: Iterable[SituationEvent], end_us: int) -> list[str]:
    """What is dangerous at a window's end, one sentence each, by name."""
    newest: dict[str, SituationEvent] = {}
    for change in changes:
        if iso_to_us(change.until) <= end_us:
            newest[change.event_id] = change
    return sorted(
        f"{change.name} {change.value:.1f} {change.unit.replace('²', '2')}"
        for change in newest.values()
        if change.action != "closed"
    )
