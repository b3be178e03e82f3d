"""Prometheus metrics of one worker; labels never hold a session id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streams.batch_histogram import BatchHistogram
from streams.inference_metrics import InferenceMetrics
from streams.model_metrics import ModelMetrics

#: Seconds; from a fast fuse (1 ms) to a stalled stage (10 s).
_STAGE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
#: Seconds of event time behind the wall clock; a backlog is hours.
_LAG_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600, 86400)
_BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """Every metric that a worker of one pipeline exports."""

    def __init__(self, pipeline: str) -> None:
        self.registry = CollectorRegistry()
        self._pipeline = pipeline
        self._samples = Counter(
            "sensorium_samples",
            "Samples by what became of them.",
            ("pipeline", "modality", "outcome"),
            registry=self.registry,
        )
        self._dropped = Counter(
            "sensorium_dropped",
            "Samples for which there was no room, by the limit that was met.",
            ("pipeline", "modality", "reason"),
            registry=self.registry,
        )
        self._results = Counter(
            "sensorium_results",
            "Results published: final ones, and revisions before them by cause.",
            ("pipeline", "final", "cause"),
            registry=self.registry,
        )
        self._completeness = BatchHistogram(
            "sensorium_window_completeness_ratio",
            "Share of a final window's expected sensors that are in it.",
            pipeline,
            (0.0, 0.25, 0.5, 0.75, 0.9, 1.0),
            self.registry,
        )
        self._skew = BatchHistogram(
            "sensorium_window_skew_seconds",
            "Widest skew between two sensors of a final window.",
            pipeline,
            (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30),
            self.registry,
        )
        self._absent = Counter(
            "sensorium_absent_sensors",
            "Sensors without a sample in a final window, by reason.",
            ("pipeline", "modality", "reason"),
            registry=self.registry,
        )
        self._numbers = Counter(
            "sensorium_sequence_numbers",
            "Producers' sequence numbers that are missing in final windows, or came again.",
            ("pipeline", "modality", "outcome"),
            registry=self.registry,
        )
        self._lateness = Histogram(
            "sensorium_late_seconds",
            "How late diverted samples came, behind the limit of their window.",
            ("pipeline", "reason"),
            buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 30, 300, 3600),
            registry=self.registry,
        )
        self._held_back = Gauge(
            "sensorium_held_back_partitions",
            "Partitions that are not read on while others catch up.",
            ("pipeline",),
            registry=self.registry,
        )
        self._kept = Gauge(
            "sensorium_kept_bytes",
            "Bytes of samples that the owned shards keep in Redis.",
            ("pipeline",),
            registry=self.registry,
        )
        self._events = Counter(
            "sensorium_events",
            "Event changes published.",
            ("pipeline", "action"),
            registry=self.registry,
        )
        self._dead_letters = Counter(
            "sensorium_dead_letters",
            "Dead letters by stage and reason.",
            ("pipeline", "stage", "reason"),
            registry=self.registry,
        )
        self._unanswered = Counter(
            "sensorium_unanswered_windows",
            "Results without tasks: the model failed on their window, or nothing in it was used.",
            ("pipeline", "reason"),
            registry=self.registry,
        )
        self._late = Counter(
            "sensorium_late", "Samples diverted as late.", ("pipeline",), registry=self.registry
        )
        self._stage = Histogram(
            "sensorium_stage_seconds",
            "Time per batch and stage.",
            ("pipeline", "stage"),
            buckets=_STAGE_BUCKETS,
            registry=self.registry,
        )
        self._batch = Histogram(
            "sensorium_batch_size",
            "Items per batch and stage.",
            ("pipeline", "stage"),
            buckets=_BATCH_BUCKETS,
            registry=self.registry,
        )
        self._lag = BatchHistogram(
            "sensorium_watermark_lag_seconds",
            "Wall clock less window end, at publication.",
            pipeline,
            _LAG_BUCKETS,
            self.registry,
        )
        self._open = Gauge(
            "sensorium_open_windows",
            "Windows open in the owned shards.",
            ("pipeline",),
            registry=self.registry,
        )
        self._recoveries = Counter(
            "sensorium_redis_recoveries",
            "Shards rebuilt after Redis lost them.",
            ("pipeline",),
            registry=self.registry,
        )

        self.models = ModelMetrics(self.registry, pipeline)
        self.inference = InferenceMetrics(self.registry, pipeline)

    def samples(self, modality: str, outcome: str, count: int = 1) -> None:
        if count:
            self._samples.labels(self._pipeline, modality, outcome).inc(count)

    def dropped(self, modality: str, reason: str, count: int) -> None:
        """No room under a limit of the pipeline file, or ``worker.max_queued_samples``."""
        if count:
            self._dropped.labels(self._pipeline, modality, reason).inc(count)

    def results(self, final: bool, count: int, cause: str = "watermark") -> None:
        self._results.labels(self._pipeline, str(final).lower(), cause).inc(count)

    def windows(
        self,
        completeness: Sequence[float],
        skew_seconds: Sequence[float],
        watermark_lag_seconds: Sequence[float],
    ) -> None:
        """Final windows' alignment, and how far behind the wall clock they end."""
        self._completeness.observe_all(completeness)
        self._skew.observe_all(skew_seconds)
        self._lag.observe_all(watermark_lag_seconds)

    def absent(self, modality: str, reason: str, count: int) -> None:
        self._absent.labels(self._pipeline, modality, reason).inc(count)

    def sequence_numbers(self, modality: str, outcome: Literal["missing", "again"], n: int) -> None:
        self._numbers.labels(self._pipeline, modality, outcome).inc(n)

    def lateness(self, reason: str, seconds: float) -> None:
        self._lateness.labels(self._pipeline, reason).observe(seconds)

    def held_back(self, partitions: int) -> None:
        self._held_back.labels(self._pipeline).set(partitions)

    def kept(self, size: int) -> None:
        self._kept.labels(self._pipeline).set(size)

    def event(self, action: str) -> None:
        self._events.labels(self._pipeline, action).inc()

    def dead_letter(self, stage: str, reason: str) -> None:
        self._dead_letters.labels(self._pipeline, stage, reason).inc()

    def unanswered(self, reason: str) -> None:
        """A result without tasks: the model failed on its window."""
        self._unanswered.labels(self._pipeline, reason).inc()

    def late(self, count: int) -> None:
        self._late.labels(self._pipeline).inc(count)

    def stage(self, stage: str, seconds: float, items: int) -> None:
        self._stage.labels(self._pipeline, stage).observe(seconds)
        self._batch.labels(self._pipeline, stage).observe(items)

    def open_windows(self, count: int) -> None:
        self._open.labels(self._pipeline).set(count)

    def recovery(self) -> None:
        self._recoveries.labels(self._pipeline).inc()
