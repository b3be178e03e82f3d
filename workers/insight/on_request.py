"""From the name of a published window to what its answer rests on: read, encoded, fused, asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec

from schemas.pipeline import Pipeline
from schemas.settings import KafkaSettings
from workers.backends.base import Model
from workers.errors import InsightError
from workers.explain.model import NotFound
from workers.explain.reader import OnProgress, PartitionReader
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
    partition: int,
    task: str | None = None,
    label: str | None = None,
    on_progress: OnProgress | None = None,
) -> Inquiry:
    """What the newest result of the window that begins at ``start_us`` rests on.

    Raises ``InsightError`` where there is no such result, and as ``inquire`` does; ``TopicError``
    and ``BrokerUnreachable``.
    """
    async with PartitionReader(kafka, _FETCH_BYTES, on_progress) as reader:
        found = await find_window(
            reader, pipeline.results_topic, partition, session, ByStart(start_us)
        )
        if isinstance(found, NotFound):
            raise InsightError(f"{session!r}: its window is no longer on {found.topic}")
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
