"""Metrics of what inference costs: time, batches, queues, padding, memory and energy."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

#: Seconds of one batch; from text on a CPU (0.1 ms) to a large model elsewhere.
_BATCH_SECONDS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30)
#: Seconds in a queue; ``max_delay`` is usually 2 ms.
_QUEUE_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class InferenceMetrics:
    """The part of ``streams.metrics.Metrics`` that is about inference. Safe to use from threads."""

    def __init__(self, registry: CollectorRegistry, pipeline: str) -> None:
        self._pipeline = pipeline
        #: (stage, modality) -> time, size and queue of its batches: looking labels up costs more
        #: than what is done with them.
        self._batches: dict[tuple[str, str], tuple[Histogram, Histogram, Histogram]] = {}
        labels = ("pipeline", "stage", "modality")
        self._seconds = Histogram(
            "sensorium_inference_seconds",
            "Time of one batch.",
            labels,
            buckets=_BATCH_SECONDS,
            registry=registry,
        )
        self._size = Histogram(
            "sensorium_inference_batch_size",
            "Samples or windows in one batch.",
            labels,
            buckets=_SIZES,
            registry=registry,
        )
        self._queue = Histogram(
            "sensorium_inference_queue_seconds",
            "Wait of a call until the batch that has it starts.",
            labels,
            buckets=_QUEUE_SECONDS,
            registry=registry,
        )
        self._rows = Counter(
            "sensorium_inference_cells",
            "What networks ran over, in each part's own unit: what was asked for, and padding.",
            ("pipeline", "modality", "kind"),
            registry=registry,
        )
        self._memory = Gauge(
            "sensorium_gpu_memory_bytes",
            "Memory of the GPU in use, by all processes.",
            ("pipeline", "gpu"),
            registry=registry,
        )
        self._busy = Gauge(
            "sensorium_gpu_utilization_ratio",
            "Share of the last sampling period in which a kernel ran, of any process.",
            ("pipeline", "gpu"),
            registry=registry,
        )
        self._energy = Counter(
            "sensorium_energy_joules",
            "Energy that a counter of the machine has seen go, all processes, since the start.",
            ("pipeline", "source"),
            registry=registry,
        )

    def batch(
        self,
        stage: str,
        modality: str,
        items: int,
        seconds: float,
        queued: Sequence[tuple[float, int]],
    ) -> None:
        """A batch is done. ``queued``: of each call in it the wait, seconds, and the items."""
        found = self._batches.get((stage, modality))
        if found is None:
            labels = (self._pipeline, stage, modality)
            found = self._batches[stage, modality] = (
                self._seconds.labels(*labels),
                self._size.labels(*labels),
                self._queue.labels(*labels),
            )
        time_s, size, queue = found
        time_s.observe(seconds)
        size.observe(items)
        for waited_s, _ in queued:
            queue.observe(waited_s)

    def padding(self, part: str, asked: float, run: float) -> None:
        """A run of a network; ``part`` is a modality or ``fusion``."""
        self._rows.labels(self._pipeline, part, "asked").inc(asked)
        self._rows.labels(self._pipeline, part, "padding").inc(run - asked)

    def gpu(self, name: str, memory_bytes: int, utilization: float) -> None:
        """The GPU as it is now; ``utilization`` is 0 to 1."""
        self._memory.labels(self._pipeline, name).set(memory_bytes)
        self._busy.labels(self._pipeline, name).set(utilization)

    def energy(self, source: str, joules: float) -> None:
        """So much more was used; ``source`` is a GPU's or a CPU package's name."""
        self._energy.labels(self._pipeline, source).inc(joules)
