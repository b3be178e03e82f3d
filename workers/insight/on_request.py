"""From the name of a published window to what its answer rests on: read, encoded, fused, asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec

from schemas.pipeline import Pipeline
from schemas.settings import KafkaSettings
from schemas.units import us_to_iso
from workers.backends.base import Model
from workers.errors import InsightError
from workers.explain.model import NotFound
from workers.explain.reader import OnProgress, PartitionReader, partition_of
from workers.explain.search import find_window
from workers.explain.selector import ByStart
from workers.insight.inquiry import Inquiry, inquire
from workers.insight.overlay import png
from workers.insight.rereading import reread

#: Bytes of one fetch: single records are picked out, and a fetch brings what follows them too.
_FETCH_BYTES = 1_000_000


async def inquire_on_request(
    model: Model,
    pipeline: Pipeline,
    session: str,
    start_us: int,
    kafka: KafkaSettings,
    *,
    partition: int | None = None,
    task: str | None = None,
    label: str | None = None,
    on_progress: OnProgress | None = None,
) -> Inquiry:
    """What the newest result of the window that begins at ``start_us`` rests on.

    ``partition``: where the session's records are, for producers with a partitioner of their own.
    Raises ``InsightError`` where there is no such result, and as ``inquire`` does; ``TopicError``
    and ``BrokerUnreachable``.
    """
    async with PartitionReader(kafka, _FETCH_BYTES, on_progress) as reader:
        topic = pipeline.results_topic
        if partition is None:
            partition = partition_of(session, reader.expect(topic))
        found = await find_window(reader, topic, partition, session, ByStart(start_us))
        if isinstance(found, NotFound):
            raise InsightError(
                f"{session!r}: expected a result of its window at {us_to_iso(start_us)} on "
                f"{found.topic}, got none",
                retriable=True,
            )
        published = found.revisions()[-1]
        samples = await reread(reader, pipeline, partition, published, found.previous)
    return await asyncio.to_thread(
        inquire, model, pipeline, published, samples, task=task, label=label
    )


def save(inquiry: Inquiry, folder: Path) -> Sequence[Path]:
    """Write the pictures as PNG and the rest as JSON, replacing what has the same name.

    Returns the paths, the JSON's first. Raises ``OSError`` where the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f"{inquiry.stem}.json"
    beside.write_bytes(msgspec.json.encode(inquiry.insight) + b"\n")
    paths = [beside]
    for one in inquiry.pictures:
        path = folder / one.report.file
        path.write_bytes(png(one.framed))
        paths.append(path)
    return paths
