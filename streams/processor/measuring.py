"""What a published batch adds to the metrics, counted once for all of its windows."""

from __future__ import annotations

from collections import Counter

import msgspec

from streams.metrics import Metrics
from streams.processor.fusing import Fused


def measure(fused: Fused, metrics: Metrics, now_ms: int) -> None:
    """Count a batch of windows that is published; ``now_ms`` is the wall clock."""
    metrics.stage("fuse", fused.fuse_seconds, len(fused.windows))
    by_cause: Counter[tuple[bool, str]] = Counter()
    absent: Counter[tuple[str, str]] = Counter()
    dropped: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    again: Counter[str] = Counter()
    final = [result for _, result in fused.results if result.final]
    for result in final:
        for use in result.sensors.values():
            if use.absent is not None:
                absent[use.modality, use.absent] += 1
            if use.dropped:
                dropped[use.modality] += use.dropped
            if use.gaps:
                missing[use.modality] += use.gaps
            if use.repeats:
                again[use.modality] += use.repeats
    for _, result in fused.results:
        by_cause[result.final, result.cause] += 1
        if result.failure is not msgspec.UNSET:
            metrics.unanswered(result.failure)
    for model, count in fused.stood_in.items():
        metrics.models.stood_in(model, count)
    metrics.windows(
        [result.quality.completeness for result in final],
        [result.quality.skew_ms / 1000 for result in final],
        [
            max(0.0, (now_ms - window.end_us / 1000) / 1000)
            for window in fused.windows
            if window.final and not window.over
        ],
    )
    for (is_final, cause), count in by_cause.items():
        metrics.results(is_final, count, cause)
    for (modality, reason), count in absent.items():
        metrics.absent(modality, reason, count)
    for modality, count in dropped.items():
        metrics.samples(modality, "dropped", count)
    for modality, count in missing.items():
        metrics.sequence_numbers(modality, "missing", count)
    for modality, count in again.items():
        metrics.sequence_numbers(modality, "again", count)
    for _, event in fused.events:
        metrics.event(event.action)
