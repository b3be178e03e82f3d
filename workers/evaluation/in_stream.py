"""Whether a model says the same in the stream: the held-out samples through Kafka and a worker."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager

import aiokafka
import numpy as np

from schemas.errors import WireError
from schemas.pipeline import Pipeline
from schemas.result import DECIMALS, Result, decode_result, task_result
from schemas.settings import Settings
from schemas.units import iso_to_us
from streams.errors import TopicError
from streams.feed.item import FeedItem
from streams.feed.player import play
from streams.kafka_client import client_kwargs
from workers.bench.pipeline import write_pipeline
from workers.bench.topic_reader import read_topic
from workers.demo.site import Site, create_topics, open_site
from workers.demo.worker_process import WorkerProcess
from workers.evaluation.predictions import Predictions
from workers.evaluation.windows import ItemKey
from workers.recipes.base import StreamEquality

#: Without a further result for so many seconds what is missing is given up. Sessions of one window
#: each close at the end of the backlog, so that nothing comes before all of it is encoded, on a
#: machine that may be shared.
_SILENCE_S = 300.0
_POLL_MS = 200
#: A probability is published in steps of this; one step apart is rounding.
_STEP = 1.01 * 10.0**-DECIMALS


@contextmanager
def stream_site(settings: Settings) -> Iterator[Site]:
    """A broker and Redis of our own for the length of a block."""
    with open_site(settings, use_configured=False) as site:
        yield site


@asynccontextmanager
async def worker_on(
    site: Site, pipeline: Pipeline, items: Iterable[FeedItem]
) -> AsyncIterator[WorkerProcess]:
    """A worker that finds the samples on its topics, ready, for the length of a block.

    ``pipeline``: its name must be new to the site. Raises ``WorkerEnded`` where the worker does not
    run, ``FeedError`` and ``PublishError``.
    """
    create_topics(site, [pipeline])
    kafka = client_kwargs(site.settings.kafka)
    await play(items, kafka=kafka, pipeline=pipeline, speed=None, end_sessions=True)
    worker = WorkerProcess(
        str(write_pipeline(pipeline, site.log_dir)),
        name=f"worker-{pipeline.pipeline}",
        arguments=(),
        environ=site.environ(),
        log_dir=site.log_dir,
    )
    try:
        await worker.ready()
        yield worker
    finally:
        await asyncio.to_thread(worker.stop)


async def answered_in_stream(
    site: Site, pipeline: Pipeline, items: Iterable[FeedItem], windows: Collection[ItemKey]
) -> list[Result]:
    """Final results of a worker that finds the samples on its topics, repeats included.

    ``pipeline``: with the model's folder; its name must be new to the site. ``windows``: what is
    waited for. Returns once the worker has published all and has ended, or nothing more comes.

    Raises ``WorkerEnded`` where the worker does not run, ``FeedError`` and ``PublishError``.
    """
    async with worker_on(site, pipeline, items) as worker:
        await _until_published(site, pipeline, worker, set(windows))
    return [
        result
        async for record in read_topic(pipeline.results_topic, site.settings.kafka)
        if (result := _decoded(record.value, pipeline.results_topic)).final
    ]


def hold_against(
    model: str, offline: Predictions, windows: Collection[ItemKey], results: Sequence[Result]
) -> StreamEquality:
    """Compare final results with the offline answers of the same model, item by item.

    ``windows``: all that the offline alignment has, labelled or not.
    """
    found: dict[ItemKey, Result] = {}
    times: Counter[ItemKey] = Counter()
    for result in results:
        key = (result.session, iso_to_us(result.window.start))
        times[key] += 1
        found[key] = result
    items = list(zip(offline.sessions, offline.starts_us.tolist(), strict=True))
    equal = unequal = 0
    largest = 0.0
    for row, key in enumerate(items):
        if key not in found:
            continue
        same, apart = _compare(offline, row, found[key])
        largest = max(largest, apart)
        equal += same and times[key] == 1
        unequal += not same
    return StreamEquality(
        model=model,
        items=len(items),
        equal=equal,
        missing=sum(key not in found for key in items),
        doubled=sum(times[key] > 1 for key in items),
        unequal=unequal,
        unexpected=len(found.keys() - set(windows)),
        largest_difference=round(largest, DECIMALS + 2),
    )


def named_apart(pipeline: Pipeline, number: int) -> Pipeline:
    """The pipeline under a name of its own, so that its topics and windows are."""
    return pipeline.model_copy(update={"pipeline": f"{pipeline.pipeline}-{number}"})


def _compare(offline: Predictions, row: int, result: Result) -> tuple[bool, float]:
    """Whether an answer is the same, and the largest difference of a probability."""
    said = offline.probabilities[row]
    answer = result.tasks.get(offline.task)
    if answer is None or np.isnan(said).any():
        unanswered = answer is None and bool(np.isnan(said).all())
        return unanswered, 0.0 if unanswered else 1.0
    if set(answer.probabilities) != set(offline.labels):
        return False, 1.0
    expected = task_result(dict(zip(offline.labels, said.tolist(), strict=True)))
    apart = _difference(expected.probabilities, answer.probabilities)
    return answer.label == expected.label and apart <= _STEP, apart


def _difference(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    return max(abs(value - second[label]) for label, value in first.items())


async def _until_published(
    site: Site, pipeline: Pipeline, worker: WorkerProcess, windows: set[ItemKey]
) -> None:
    """Return when every window has a final result, or none has come for ``_SILENCE_S``."""
    topic = pipeline.results_topic
    consumer = aiokafka.AIOKafkaConsumer(
        topic,
        **client_kwargs(site.settings.kafka),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=_POLL_MS,
    )
    await consumer.start()
    waiting = set(windows)
    heard_s = time.monotonic()
    try:
        while waiting and time.monotonic() - heard_s < _SILENCE_S:
            worker.check()
            for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                heard_s = time.monotonic()
                for record in records:
                    result = _decoded(record.value, topic)
                    if result.final:
                        waiting.discard((result.session, iso_to_us(result.window.start)))
    finally:
        await consumer.stop()


def _decoded(body: bytes | None, topic: str) -> Result:
    try:
        return decode_result(body or b"")
    except WireError as error:
        raise TopicError(f"{topic}: {error}") from None
