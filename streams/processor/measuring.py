"""What published results say of the pipeline, as metrics."""

from __future__ import annotations

from collections import Counter

import msgspec

from streams.metrics import Metrics
from streams.processor.fusing import Fused


def measure(fused: Fused, metrics: Metrics, now_ms: int) -> None:
    """Once a batch: what a batch has in common is measured together."""
    metrics.stage("fuse", fused.fuse_seconds, len(fused.windows))
    for model, count in fused.stood_in.items():
        metrics.models.stood_in(model, count)
    by_cause: Counter[tuple[bool, str]] = Counter()
    absent: Counter[tuple[str, str]] = Counter()
    dropped: Counter[str] = Counter()
    for _, result in fused.results:
        by_cause[result.final, result.cause] += 1
        if result.failure is not msgspec.UNSET:
            metrics.unanswered(result.failure)
        if result.final:
            metrics.window(result.quality.completeness, result.quality.skew_ms / 1000)
            for use in result.sensors.values():
                if use.absent is not None:
                    absent[use.modality, use.absent] += 1
                if use.dropped:
                    dropped[use.modality] += use.dropped
    for window in fused.windows:
        if window.final and not window.over:
            metrics.watermark_lag((now_ms - window.end_us / 1000) / 1000)
    for (final, cause), count in by_cause.items():
        metrics.results(final, count, cause)
    for (modality, reason), count in absent.items():
        metrics.absent(modality, reason, count)
    for modality, count in dropped.items():
        metrics.samples(modality, "dropped", count)
    for _, event in fused.events:
        metrics.event(event.action)
