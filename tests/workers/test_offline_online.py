"""Offline windows are those of the stream, byte for byte, as a worker is given them to fuse."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.pipeline import Pipeline
from schemas.sample import Sample
from schemas.settings import load_settings
from schemas.windows import ResultSpec
from streams.align.memory import MemoryStore
from streams.align.redis_store import RedisStore
from streams.align.spec import from_pipeline
from streams.align.store import WindowStore
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from streams.engine.app import FaustEngine
from streams.feed.item import FeedItem
from streams.feed.player import play
from streams.kafka_client import client_kwargs
from streams.metrics import Metrics
from streams.processor.history import ResultLog
from streams.processor.pipeline import PipelineProcessor
from streams.records import Record, TopicPartition
from streams.redis_client import connect_redis
from streams.stack import Stack
from streams.topics import ensure_topics, plan_topics
from tests.processor.fakes import FakeCompute, FakeEngine
from tests.workers.offline import call_items, call_pipeline, spoiled
from workers.codecs import cut as cutting
from workers.codecs import decode
from workers.offline import read_windows
from workers.offline.canonical import window_digest
from workers.offline.run import align_recording
from workers.worker import engine_settings, result_log

ITEMS = spoiled(call_items())

PIPELINES = {
    "collect": call_pipeline(),
    "sliding": call_pipeline({"kind": "sliding", "size": "2s", "every": "500ms"}),
    "overlap": call_pipeline(
        audio={"matcher": {"kind": "overlap"}},
        transcript={"event_time": "start", "matcher": {"kind": "overlap"}, "lateness": "10s"},
    ),
    "nearest": call_pipeline(video={"matcher": {"kind": "nearest", "exclusive": True}}),
    "hold": call_pipeline(transcript={"matcher": {"kind": "hold", "max_age": "30s"}}),
    "triggered": call_pipeline(
        {"kind": "triggered", "size": "1s", "sensor": "asr", "before": "500ms"}
    ),
    "revised": call_pipeline().model_copy(
        update={
            "results": ResultSpec.model_validate({"early_after": "100ms", "allowed_lateness": "1s"})
        }
    ),
    "full": call_pipeline(video={"overload": "drop_oldest", "max_samples_per_window": 3}),
    "clocks": call_pipeline(
        audio={"clock": {"offset": "-120ms"}}, video={"clock": {"estimate": "drift"}}
    ),
}


class WatchedCompute(FakeCompute):
    """Features are payloads that can be decoded; keeps every final window it is to fuse."""

    def __init__(self) -> None:
        super().__init__()
        self.fused: list[Window] = []
        self.changed = asyncio.Condition()

    async def encode(self, samples: Sequence[Sample]) -> list[bytes | BadSample]:
        decoded = [decode(each.modality, each.content_type, each.payload) for each in samples]
        return [
            value if isinstance(value, BadSample) else sample.payload
            for sample, value in zip(samples, decoded, strict=True)
        ]

    def interval_us(self, sample: Sample) -> tuple[int, int] | BadSample:
        return cutting.interval_us(sample)

    def cut(self, sample: Sample, bounds_us: Sequence[int]) -> Sequence[Sample] | BadSample:
        return cutting.cut(sample, bounds_us)

    async def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        async with self.changed:
            self.fused += [window for window in windows if window.final]
            self.changed.notify_all()
        return await super().fuse(windows)


class Tape:
    """A producer that keeps what the player sends, as the records of one partition."""

    def __init__(self, log: dict[TopicPartition, list[Record]]) -> None:
        self._log = log

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def partitions_for(self, topic: str) -> set[int]:
        return {0}

    async def send(
        self, topic: str, value: bytes, *, key: bytes, timestamp_ms: int, headers: Any
    ) -> asyncio.Future[None]:
        records = self._log[TopicPartition(topic, 0)]
        records.append(Record(topic, 0, len(records), timestamp_ms, key, value, headers))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


def digests(windows: Iterable[Window]) -> dict[tuple[str, int], bytes]:
    """(session, start) of each window -> its digest; no window comes twice."""
    found = {}
    for window in windows:
        key = window.session, window.start_us
        assert found.setdefault(key, window_digest(window)) == window_digest(window)
    return found


async def offline(pipeline: Pipeline, items: Sequence[FeedItem], folder: Path) -> dict[Any, bytes]:
    await align_recording(iter(items), pipeline, folder)
    return digests(read_windows(folder))


def processor_of(
    pipeline: Pipeline, store: WindowStore, compute: WatchedCompute, results: ResultLog, **how: Any
) -> PipelineProcessor:
    return PipelineProcessor(
        pipeline, store, compute, results, owner="w", metrics=Metrics(pipeline.pipeline), **how
    )


@pytest.mark.parametrize("chunk_records", [1, 7, 1_000])
@pytest.mark.parametrize("kind", PIPELINES)
async def test_a_recording_gives_the_windows_of_its_backlog(
    kind: str, chunk_records: int, tmp_path: Path
) -> None:
    pipeline = PIPELINES[kind]
    engine, compute = FakeEngine(pipeline, lambda: now_ms), WatchedCompute()
    await play(
        ITEMS, kafka={}, pipeline=pipeline, speed=None, open_producer=lambda **_: Tape(engine.log)
    )
    now_ms = 1_000
    processor = processor_of(
        pipeline,
        MemoryStore(from_pipeline(pipeline)),
        compute,
        engine.result_log,
        clock_ms=lambda: now_ms,
    )
    await processor.start(engine)
    await engine.assign(processor)
    await engine.deliver(processor, chunk_records=chunk_records)
    for _ in range(3):
        now_ms += 60_000
        await processor.on_tick(now_ms)
        await processor.publish_due()
    await processor.drain()
    expected = digests(compute.fused)
    assert len(expected) > 5
    assert await offline(pipeline, ITEMS, tmp_path / "w") == expected


@pytest.mark.integration
async def test_a_recording_gives_the_windows_that_a_worker_fuses(
    stack: Stack, unique_name: Callable[[str], str], tmp_path: Path
) -> None:
    shipped = call_pipeline()
    pipeline = shipped.model_copy(update={"pipeline": unique_name("call"), "partitions": 2})
    settings = load_settings(
        environ={
            "SENSORIUM_KAFKA__BOOTSTRAP": stack.kafka_bootstrap,
            "SENSORIUM_REDIS__URL": stack.redis_url,
        }
    )
    items = [replace(item, session=f"{item.session}-{pipeline.pipeline}") for item in ITEMS]
    expected = await offline(pipeline, items, tmp_path / "w")
    ensure_topics(settings.kafka, plan_topics(pipeline))
    await play(items, kafka=client_kwargs(settings.kafka), pipeline=pipeline, speed=None)
    redis, compute = connect_redis(settings.redis), WatchedCompute()
    processor = processor_of(
        pipeline,
        RedisStore(from_pipeline(pipeline), redis),
        compute,
        result_log(pipeline, settings),
    )
    engine = FaustEngine(engine_settings(pipeline, settings), processor)
    try:
        async with engine.running(), asyncio.timeout(60), compute.changed:
            await compute.changed.wait_for(lambda: len(compute.fused) >= len(expected))
    finally:
        await redis.aclose()
    assert digests(compute.fused) == expected
