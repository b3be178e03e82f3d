"""One shard with an engine, a store and workers, all in this process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from schemas.pipeline import Pipeline
from streams.align.memory import MemoryBackend, MemoryStore
from streams.align.spec import from_pipeline
from streams.metrics import Metrics
from streams.processor.pipeline import PipelineProcessor
from streams.processor.shadow import Shadow
from streams.records import TopicPartition
from tests.processor.fakes import FakeCompute, FakeEngine

PIPELINE = Pipeline.model_validate(
    {
        "pipeline": "p",
        "partitions": 1,
        "inputs": {
            "voice": {"modality": "audio", "sensors": ["voice"], "lateness": "100ms"},
            "words": {"modality": "text", "sensors": ["words"], "lateness": "100ms"},
        },
        "window": {"size": "1s"},
        "model": {"name": "fake"},
        "events": [{"name": "noise", "task": "noise", "label": "loud"}],
    }
)
VOICE = TopicPartition("p.voice", 0)
WORDS = TopicPartition("p.words", 0)


@dataclass
class World:
    """One shard with an engine, a store and the worker that owns it at present."""

    pipeline: Pipeline = PIPELINE
    backend: MemoryBackend = field(default_factory=MemoryBackend)
    compute: FakeCompute = field(default_factory=FakeCompute)
    now_ms: int = 1_000
    workers: int = 0
    metrics: Metrics = field(default_factory=lambda: Metrics("p"))
    shadow: Shadow | None = None

    def __post_init__(self) -> None:
        self.engine = FakeEngine(self.pipeline, lambda: self.now_ms)

    async def worker(self) -> PipelineProcessor:
        """A new worker that has taken the shard over."""
        processor = await self.idle_worker()
        await self.engine.assign(processor)
        return processor

    async def idle_worker(self) -> PipelineProcessor:
        """A new worker that owns nothing yet; ``store`` is its view of the windows."""
        self.workers += 1
        spec = from_pipeline(self.pipeline, self.compute.features)
        self.store = MemoryStore(spec, self.backend)
        processor = PipelineProcessor(
            self.pipeline,
            self.store,
            self.compute,
            self.engine.result_log,
            owner=f"worker-{self.workers}",
            metrics=self.metrics,
            shadow=self.shadow,
            clock_ms=lambda: self.now_ms,
        )
        await processor.start(self.engine)
        return processor

    async def settle(self, processor: PipelineProcessor) -> None:
        """Read everything, recover if need be, publish what is due."""
        for _ in range(3):
            await self.engine.deliver(processor)
            await processor.on_tick(self.now_ms)
            for shard in processor.shards:
                await shard.settled.wait()
            await processor.publish_due()

    async def flush(self, processor: PipelineProcessor) -> None:
        """Let the sensors fall idle, so that every window closes."""
        await self.settle(processor)
        self.now_ms += 60_000
        await self.settle(processor)


def pipeline_with(
    *, voice: dict[str, Any] | None = None, words: dict[str, Any] | None = None, **changes: Any
) -> Pipeline:
    """The pipeline with other inputs, windows, results or limits."""
    text = PIPELINE.model_dump(exclude_none=True)
    text["inputs"]["voice"] |= voice or {}
    text["inputs"]["words"] |= words or {}
    return Pipeline.model_validate(text | changes)


def feed_seconds(
    world: World, seconds: int, per_second: int = 4, voice: bytes = b"calm", phase_ms: int = 0
) -> int:
    """Both sensors for so many seconds; returns the number of samples."""
    for k in range(seconds * per_second):
        world.engine.feed("voice", k * 1000 // per_second + phase_ms, voice)
        world.engine.feed("words", k * 1000 // per_second + 10)
    return 2 * seconds * per_second
