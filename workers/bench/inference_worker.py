"""The whole worker with the pipeline's own model, measured."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from streams.compute import Compute
from workers.bench.measured_worker import MeasuredWorker, Progress
from workers.bench.stopwatch import Figures
from workers.inference.loading import load_compute
from workers.inference.observing import Observer, Stage


class InferenceFigures(Figures, frozen=True):
    """``p99_queue_ms``: 99 of 100 samples and windows waited at most so long for their batch."""

    p99_queue_ms: float


class QueueLog:
    """``workers.inference.observing.Observer`` that also keeps every wait in front of a batch."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        #: seconds, items
        self.waits: list[tuple[float, int]] = []

    def batch(
        self,
        stage: Stage,
        modality: str,
        items: int,
        seconds: float,
        queued: Sequence[tuple[float, int]],
    ) -> None:
        """See ``Observer``."""
        if stage != "decode":
            self.waits += queued
        self._observer.batch(stage, modality, items, seconds, queued)

    def padding(self, part: str, asked: float, run: float) -> None:
        """See ``Observer``."""
        self._observer.padding(part, asked, run)


def quantile(waits: Sequence[tuple[float, int]], share: float) -> float:
    """The value that ``share`` of all items do not exceed; 0 without items.

    >>> quantile([(0.5, 1), (0.1, 99)], 0.99)
    0.1
    """
    left = share * sum(count for _, count in waits)
    for value, count in sorted(waits):
        left -= count
        if left <= 0:
            return value
    return 0.0


class InferenceWorker(MeasuredWorker):
    """One worker of the measured pipeline; use it once."""

    async def measure(self) -> InferenceFigures:
        """Run until every window is published, or nothing more comes."""
        figures = await self.finish()
        return InferenceFigures(
            figures.seconds,
            figures.cpu_s,
            figures.peak_rss_mb,
            figures.windows,
            round(quantile(self._log.waits, 0.99) * 1000, 2),
        )

    def _compute(self, progress: Progress, closing: contextlib.AsyncExitStack) -> Compute:
        self._log = QueueLog(progress.inference)
        compute = load_compute(self._pipeline, self._settings.worker, self._log)
        closing.callback(compute.close)
        compute.warm()
        return compute
