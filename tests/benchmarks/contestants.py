"""What is measured, each in a process of its own: the floor, and our worker without a model."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable, Sequence

import aiokafka

from schemas.result import ModelRef
from schemas.sample import Sample
from schemas.settings import Settings, load_settings
from streams.align.redis_store import RedisStore
from streams.align.spec import from_pipeline
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from streams.engine.app import FaustEngine
from streams.engine.base import BaseEngine
from streams.engine.loop import AiokafkaEngine
from streams.kafka_client import client_kwargs, producer_kwargs
from streams.metrics import Metrics
from streams.processor.pipeline import PipelineProcessor
from streams.redis_client import connect_redis
from tests.benchmarks.workload import PIPELINE, RATES_HZ, SIZE_MS
from workers.worker import engine_settings, owner_name, result_log


class Identity:
    """Features are the payload; the answer is always the same."""

    model = ModelRef("identity", "1", "00")

    async def encode(self, samples: Sequence[Sample]) -> list[bytes | BadSample]:
        return [sample.payload for sample in samples]

    async def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        return [Fusion({"task": {"yes": 1.0, "no": 0.0}}, {"points": 1.0}) for _ in windows]


class Stopwatch:
    """Wall and CPU seconds from the first record on: joining the group is not measured."""

    def __init__(self) -> None:
        self._began: tuple[float, float] | None = None

    def begin(self) -> None:
        if self._began is None:
            self._began = (time.perf_counter(), time.process_time())

    def read(self) -> tuple[float, float]:
        if self._began is None:
            raise SystemExit("expected records, got none")
        wall, cpu = self._began
        return time.perf_counter() - wall, time.process_time() - cpu


class CountedMetrics(Metrics):
    """Tells when the first sample came, and when so many results were published."""

    def __init__(self, expected: int, watch: Stopwatch) -> None:
        super().__init__(PIPELINE.pipeline)
        self._missing = expected
        self._watch = watch
        self.all_published = asyncio.Event()

    def stage(self, stage: str, seconds: float, items: int) -> None:
        self._watch.begin()
        super().stage(stage, seconds, items)

    def results(self, final: bool, count: int) -> None:
        super().results(final, count)
        self._missing -= count
        if self._missing <= 0:
            self.all_published.set()


async def floor(settings: Settings, records: int, windows: int, watch: Stopwatch) -> None:
    """A getmany loop that counts samples per window in a dict and publishes each window once."""
    topics = [PIPELINE.topic(name) for name in RATES_HZ]
    consumer = aiokafka.AIOKafkaConsumer(
        *topics,
        **client_kwargs(settings.kafka),
        group_id="floor",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=50,
        max_partition_fetch_bytes=4_000_000,
    )
    producer = aiokafka.AIOKafkaProducer(
        **producer_kwargs(settings.kafka, "floor", linger_ms=5, max_request_bytes=4_000_000)
    )
    await consumer.start()
    await producer.start()
    seen = 0
    counts: dict[tuple[bytes, int], dict[str, int]] = {}
    while seen < records:
        batches = await consumer.getmany(timeout_ms=100, max_records=2_000)
        if batches:
            watch.begin()
        for tp, batch in batches.items():
            for record in batch:
                key = (record.key, record.timestamp - record.timestamp % SIZE_MS)
                window = counts.setdefault(key, {})
                window[tp.topic] = window.get(tp.topic, 0) + 1
            seen += len(batch)
    for (session, start_ms), window in counts.items():
        body = json.dumps({"start": start_ms, "samples": window}).encode()
        await producer.send("bench.floor", body, session)
    await producer.flush()
    await consumer.stop()
    await producer.stop()
    if len(counts) != windows:
        raise SystemExit(f"floor: expected {windows} windows, got {len(counts)}")


async def worker(
    settings: Settings, windows: int, watch: Stopwatch, engine_type: type[BaseEngine]
) -> None:
    """Our processor with windows in Redis, until every window is published."""
    redis = connect_redis(settings.redis)
    metrics = CountedMetrics(windows, watch)
    processor = PipelineProcessor(
        PIPELINE,
        RedisStore(from_pipeline(PIPELINE), redis),
        Identity(),
        result_log(PIPELINE, settings),
        owner=owner_name(),
        metrics=metrics,
    )
    engine = engine_type(engine_settings(PIPELINE, settings), processor)
    async with engine.running():
        await metrics.all_published.wait()
    await redis.aclose()


def main() -> None:
    """``contestants NAME RECORDS WINDOWS``: run one and print its figures as JSON."""
    name, records, windows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    settings = load_settings()
    watch = Stopwatch()
    runs: dict[str, Callable[[], object]] = {
        "floor": lambda: asyncio.run(floor(settings, records, windows, watch)),
        "faust": lambda: asyncio.run(worker(settings, windows, watch, FaustEngine)),
        "aiokafka": lambda: asyncio.run(worker(settings, windows, watch, AiokafkaEngine)),
    }
    runs[name]()
    seconds, cpu_s = watch.read()
    print(
        json.dumps(
            {
                "samples_per_s": round(records / seconds),
                "cpu_s_per_million": round(cpu_s / records * 1e6, 2),
                "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            }
        )
    )


if __name__ == "__main__":
    main()
