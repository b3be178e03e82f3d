"""A second model answers the windows again, after their results are published.

What the first one does never waits for it: a batch is offered and taken or dropped at once, and
the shadow's turn comes when no window of the first one is due. What fails is counted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from schemas.pipeline import Pipeline
from schemas.result import DECIMALS, ModelRef, Result, result_id, task_result
from streams.agreement import compare
from streams.align.types import Window
from streams.compute import Fusion
from streams.engine.port import Engine
from streams.model_metrics import ModelMetrics
from streams.processor.fusing import Fused
from streams.processor.outputs import shadow_record

log = logging.getLogger(__name__)

#: Batches of ``max_batch`` windows that may wait for the shadow; a window with its features is
#: some 5 KB, so they hold a few MB.
_MAX_WAITING_BATCHES = 16
#: Longest wait for the shadow's answer to one batch, and for the broker to take it, seconds.
_TIMEOUT_S = 30.0


class ShadowModel(Protocol):
    """What is asked of the second model."""

    @property
    def model(self) -> ModelRef:
        """The model that answers."""

    def takes(self, features: str) -> bool:
        """Whether it can use features that were made under this digest."""

    async def fuse(self, windows: Sequence[Window], features: str) -> Sequence[Fusion | None]:
        """An answer for each window; ``None`` where its features are not all there. ``features``:
        the digest under which they were made.
        """


@dataclass(frozen=True, slots=True)
class _Batch:
    """Final windows with the primary's results: equally long, in the same order."""

    windows: Sequence[Window]
    results: Sequence[tuple[int, Result]]
    features: str


class Shadow:
    """Publishes the second model's results to ``<pipeline>.shadow``, under the ids of the first
    one's, and measures how far they agree.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        model: ShadowModel,
        metrics: ModelMetrics,
        *,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        self._pipeline = pipeline
        self._model = model
        self._metrics = metrics
        self._timeout_s = timeout_s
        self._max_waiting = _MAX_WAITING_BATCHES * pipeline.model.max_batch
        self._batches: deque[_Batch] = deque()
        #: Windows in ``_batches``.
        self._waiting = 0
        self._offered = asyncio.Event()
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    def start(self, engine: Engine, quiet: asyncio.Event) -> None:
        """``quiet`` is set while no window of the primary is due."""
        self._task = asyncio.create_task(self._run(engine, quiet), name="shadow")

    async def stop(self) -> None:
        """Give up what waits."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._metrics.shadow_windows("dropped", self._waiting)
        self._batches.clear()
        self._waiting = 0

    def offer(self, fused: Fused) -> None:
        """Take a published batch, or drop it where too much waits. Never waits, never raises."""
        results = {result.id: (shard, result) for shard, result in fused.results if result.final}
        finals = [
            (window, results[id_])
            for window in fused.windows
            if window.final and not window.over and (id_ := self._id(window)) in results
        ]
        if not finals:
            return
        if not self._model.takes(fused.features):
            self._metrics.shadow_windows("other_features", len(finals))
        elif self._waiting + len(finals) > self._max_waiting:
            self._metrics.shadow_windows("dropped", len(finals))
        else:
            windows, answered = [one for one, _ in finals], [one for _, one in finals]
            self._batches.append(_Batch(windows, answered, fused.features))
            self._waiting += len(finals)
            self._offered.set()

    async def _run(self, engine: Engine, quiet: asyncio.Event) -> None:
        while True:
            await self._offered.wait()
            await quiet.wait()
            batch = self._batches.popleft()
            self._waiting -= len(batch.windows)
            if not self._batches:
                self._offered.clear()
            await self._counted(batch, self._answer(engine, batch))

    async def _counted(self, batch: _Batch, work: Awaitable[int]) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                published = await work
        except asyncio.CancelledError:
            self._metrics.shadow_windows("dropped", len(batch.windows))
            raise
        except Exception as error:
            # Whatever is wrong with the shadow is no matter of the primary.
            self._metrics.shadow_windows("failed", len(batch.windows))
            if not self._failing:
                log.warning(
                    "shadow %s %s fails, until it is said otherwise: %s: %s",
                    self._model.model.name,
                    self._model.model.version,
                    type(error).__name__,
                    error,
                )
            self._failing = True
            return
        self._metrics.shadow_windows("published", published)
        self._metrics.shadow_windows("incomplete", len(batch.windows) - published)
        if self._failing:
            log.info("shadow %s answers again", self._model.model.name)
        self._failing = False

    async def _answer(self, engine: Engine, batch: _Batch) -> int:
        """Answer, publish, and compare; returns how many windows were answered."""
        began = time.perf_counter()
        answers = await self._model.fuse(batch.windows, batch.features)
        fuse_ms = round((time.perf_counter() - began) * 1000, 3)
        pairs = [
            (shard, result, self._result(result, answer, fuse_ms))
            for (shard, result), answer in zip(batch.results, answers, strict=True)
            if answer is not None and answer.failure is None
        ]
        await engine.publish(
            [shadow_record(self._pipeline, shard, shadow) for shard, _, shadow in pairs]
        )
        for _, primary, shadow in pairs:
            for task, found in compare(primary.tasks, shadow.tasks).items():
                self._metrics.shadow_agrees(task, found.equal, found.difference)
        return len(pairs)

    def _id(self, window: Window) -> str:
        return result_id(self._pipeline.pipeline, window.session, window.start_us, 0)

    def _result(self, primary: Result, answer: Fusion, fuse_ms: float) -> Result:
        return msgspec.structs.replace(
            primary,
            tasks={task: task_result(each) for task, each in answer.tasks.items()},
            modalities={name: round(share, DECIMALS) for name, share in answer.modalities.items()},
            model=answer.model or self._model.model,
            timings=msgspec.structs.replace(primary.timings, fuse_ms=fuse_ms),
            contributions=msgspec.UNSET,
            objects=msgspec.UNSET,
            failure=msgspec.UNSET,
        )
