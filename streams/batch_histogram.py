"""A Prometheus histogram that is told of many values at once.

``prometheus_client.Histogram`` takes a lock or two for every value, which for values of every
window is more than deciding what is in the window costs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector


class BatchHistogram(Collector):
    """One histogram of one pipeline; ``bounds`` ascend, and +Inf is understood.

    Told by one thread, it may be collected by another, which may see part of a batch.
    """

    def __init__(
        self,
        name: str,
        documentation: str,
        pipeline: str,
        bounds: Sequence[float],
        registry: CollectorRegistry,
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._pipeline = pipeline
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        registry.register(self)

    def observe_all(self, values: Iterable[float]) -> None:
        """Count values, each under the first bound that it does not exceed."""
        bounds, counts = self._bounds, self._counts
        total = 0.0
        for value in values:
            counts[bisect_left(bounds, value)] += 1
            total += value
        self._sum += total

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """The histogram as it is now."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=["pipeline"])
        below = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip(
            (*map(str, map(float, self._bounds)), "+Inf"), self._counts, strict=True
        ):
            below += count
            buckets.append((bound, float(below)))
        family.add_metric([self._pipeline], buckets, self._sum)
        return [family]
