"""Metrics of a worker's model: which one answers, reloads and refusals, and how a shadow agrees."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from schemas.result import ModelRef

#: Seconds; from a small model's weights in the page cache to gigabytes from a slow disk.
_RELOAD_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
#: Difference of two probabilities; results have four decimals.
_DIFFERENCE_BUCKETS = (0.0001, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)


class ModelMetrics:
    """The part of ``streams.metrics.Metrics`` that is about models."""

    def __init__(self, registry: CollectorRegistry, pipeline: str) -> None:
        self._pipeline = pipeline
        self._info = Gauge(
            "sensorium_model_info",
            "1 for the model that answers.",
            ("pipeline", "model", "version", "digest"),
            registry=registry,
        )
        self._reloads = Counter(
            "sensorium_model_reloads",
            "Models that another was to take over from: it serves, or it was refused.",
            ("pipeline", "outcome"),
            registry=registry,
        )
        self._reload = Histogram(
            "sensorium_model_reload_seconds",
            "From noticing another active version to the exchange: load, check, warm, wait.",
            ("pipeline",),
            buckets=_RELOAD_BUCKETS,
            registry=registry,
        )
        self._refused = Gauge(
            "sensorium_model_refused",
            "1 while another model answers than the one that should.",
            ("pipeline",),
            registry=registry,
        )
        self._shadow_windows = Counter(
            "sensorium_shadow_windows",
            "Final windows by what the shadow made of them.",
            ("pipeline", "outcome"),
            registry=registry,
        )
        self._shadow_labels = Counter(
            "sensorium_shadow_labels",
            "Answers of the shadow by whether their label is the primary's.",
            ("pipeline", "task", "equal"),
            registry=registry,
        )
        self._shadow_difference = Histogram(
            "sensorium_shadow_difference_ratio",
            "Mean absolute difference of a task's probabilities, shadow against primary.",
            ("pipeline", "task"),
            buckets=_DIFFERENCE_BUCKETS,
            registry=registry,
        )
        self._stood_in = Counter(
            "sensorium_model_stood_in",
            "Windows that another model answered than the one that was asked, by which did.",
            ("pipeline", "model"),
            registry=registry,
        )
        self._refused.labels(pipeline).set(0)

    def serves(self, model: ModelRef) -> None:
        """This model answers from now on."""
        self._info.clear()
        self._info.labels(self._pipeline, model.name, model.version, model.digest[:12]).set(1)

    def reloaded(self, seconds: float) -> None:
        self._reloads.labels(self._pipeline, "served").inc()
        self._reload.labels(self._pipeline).observe(seconds)

    def refused(self) -> None:
        self._reloads.labels(self._pipeline, "refused").inc()

    def refuses(self, refuses: bool) -> None:
        """Whether another model answers than the one that should."""
        self._refused.labels(self._pipeline).set(refuses)

    def stood_in(self, model: str, count: int) -> None:
        """Windows that a fall-back answered."""
        self._stood_in.labels(self._pipeline, model).inc(count)

    def shadow_windows(self, outcome: str, count: int) -> None:
        if count:
            self._shadow_windows.labels(self._pipeline, outcome).inc(count)

    def shadow_agrees(self, task: str, equal: bool, difference: float) -> None:
        """One window's agreement in one task."""
        self._shadow_labels.labels(self._pipeline, task, str(equal).lower()).inc()
        self._shadow_difference.labels(self._pipeline, task).observe(difference)
