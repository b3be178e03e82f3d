"""From a recording to a folder of windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from schemas.pipeline import Pipeline
from streams.align.spec import from_pipeline
from streams.compute import Compute
from streams.feed.item import FeedItem
from streams.feed.read_ahead import read_ahead
from workers.offline.folder import making
from workers.offline.formats import FormatName, shard_format
from workers.offline.index import (
    VERSION,
    Index,
    SensorCount,
    described,
    pipeline_digest,
    write_index,
)
from workers.offline.intake import Desk
from workers.offline.raw import RawCompute
from workers.offline.sink import SHARD_BYTES, Sink
from workers.offline.spool import Content, Spool
from workers.offline.timeline import Replay, Timeline


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. ``bytes``: of the payloads that were read."""

    samples: int
    windows: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """How windows are written. A shard ends at ``shard_windows`` or at ``shard_bytes`` of samples.

    ``force``: replace a folder of aligned windows that is there.
    """

    format: FormatName = "safetensors"
    shard_windows: int = 1_024
    shard_bytes: int = SHARD_BYTES
    force: bool = False


def _as_feature(feature: bytes) -> Content:
    return Content("", feature)


async def align_recording(
    items: Iterable[FeedItem],
    pipeline: Pipeline,
    target: Path,
    *,
    compute: Compute | None = None,
    replay: Replay = "backlog",
    absent: Collection[str] = (),
    output: OutputOptions | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Index:
    """Align a recording and write its windows to the folder ``target``; returns the index.

    ``items`` come in ascending ``due_us``. With ``compute`` the samples' features are written as it
    encodes them, without one their payloads. ``absent``: inputs that it has nothing of. The same
    items give the same bytes. In memory are the open windows, which hold features or references,
    and one shard.

    Raises ``FeedError`` for a file that breaks off, ``OfflineError`` where ``target`` is taken or
    the format is not installed, ``DeviceError``, ``OSError``; ``target`` is then as it was.
    """
    output = output or OutputOptions()
    shards = shard_format(output.format)
    with (
        making(target, force=output.force) as (folder, meanwhile),
        Spool(meanwhile / "payloads") as spool,
        Sink(
            folder,
            shards,
            spool.get if compute is None else _as_feature,
            shard_windows=output.shard_windows,
            shard_bytes=output.shard_bytes,
        ) as sink,
    ):
        model = None if compute is None else compute.model
        spec = from_pipeline(pipeline, "" if model is None else model.digest)
        desk = Desk(pipeline, spec, compute or RawCompute(spool))
        timeline = Timeline(spec, replay, absent)
        async with aclosing(read_ahead(items)) as batches:
            async for batch in batches:
                taken, refused = await desk.take(batch)
                for each in refused:
                    sink.refuse(each)
                for one in taken:
                    timeline.add(one.input, one.offset, one.due_us, one.entries)
                    _pass_on(timeline, sink)
                if on_progress is not None:
                    read = desk.counts
                    on_progress(Progress(read.samples.total(), sink.windows, read.bytes))
        timeline.finish()
        _pass_on(timeline, sink)
        content_sha256, diverted = sink.finish(timeline.dropped)
        index = Index(
            version=VERSION,
            pipeline=pipeline.pipeline,
            pipeline_sha256=pipeline_digest(pipeline),
            spec_digest=spec.digest,
            spec=described(spec),
            replay=replay,
            features="raw" if model is None else "encoded",
            model=model,
            format=output.format,
            windows=sink.windows,
            content_sha256=content_sha256,
            shards=sink.shards,
            inputs={name: str(rule.modality) for name, rule in pipeline.inputs.items()},
            sensors=_sensor_counts(desk, sink),
            sessions=sorted(desk.counts.sessions),
            diverted=diverted,
        )
        write_index(folder, index)
    return index


def _pass_on(timeline: Timeline, sink: Sink) -> None:
    for window in timeline.take_windows():
        sink.add(window)
    for late in timeline.take_late():
        sink.divert(late)


def _sensor_counts(desk: Desk, sink: Sink) -> list[SensorCount]:
    counts: Counter[tuple[str, str]] = desk.counts.samples
    return [
        SensorCount(
            input,
            sensor,
            counts[input, sensor],
            desk.counts.invalid[input, sensor],
            sink.late[input, sensor],
            sink.in_windows[input, sensor],
        )
        for input, sensor in sorted(counts)
    ]
