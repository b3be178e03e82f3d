"""Another version takes over while the worker runs, or is refused and changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

from schemas.pipeline import Pipeline
from schemas.settings import WorkerSettings
from streams.model_metrics import ModelMetrics
from workers.errors import ModelError
from workers.inference.compute import ModelCompute
from workers.inference.observing import Observer
from workers.registry.board import POST_EVERY_S, Board, Notice, Refusal
from workers.registry.candidate import open_candidate
from workers.registry.choice import Choice, Opened, can_change, choose
from workers.registry.store import Registry

log = logging.getLogger(__name__)

Exchange = Callable[[ModelCompute], Awaitable[bool]]


def to_try(serving: Choice, wanted: Choice, refused: Choice | None) -> bool:
    """Whether a version is to be loaded: it does not serve yet, and this activation of it was not
    refused. Activating it again is the way to have a refused one tried again.
    """
    return wanted.folder != serving.folder and wanted != refused


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Reloader:
    """Looks into the registry, and exchanges the model when another version is active.

    The event loop never waits for a disk or a network that is loading. ``wake`` has it look at
    once, and try a refused version again.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        worker: WorkerSettings,
        opened: Opened,
        *,
        owner: str,
        exchange: Exchange,
        metrics: ModelMetrics,
        board: Board,
        observer: Observer | None = None,
    ) -> None:
        """``exchange`` answers by a model from now on, and returns once the former is unused;
        False where it is too late for that.
        """
        self._pipeline = pipeline
        self._worker = worker
        self._registry = Registry(worker.models)
        self._serving = opened.choice
        self._compute = opened.compute
        #: Every model that is not closed: the one that serves, and another during an exchange.
        self._open = [opened.compute]
        self._owner = owner
        self._exchange = exchange
        self._metrics = metrics
        self._board = board
        self._observer = observer
        self._since_ms = _now_ms()
        self._refused: Choice | None = None
        self._refusal: Refusal | None = None
        self._woken = asyncio.Event()
        metrics.serves(opened.compute.model)
        if opened.refused is not None:
            self._refuse(*opened.refused)

    def wake(self) -> None:
        """Look into the registry now."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        follows = self._serving is not None and can_change(self._serving)
        pause_s = min(self._worker.model_poll_ms / 1000, POST_EVERY_S) if follows else POST_EVERY_S
        while True:
            if follows:
                await self._look()
            await self._board.post(self._notice())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._woken.wait()
            if self._woken.is_set():
                self._woken.clear()
                self._refused = self._refusal = None

    async def close(self) -> None:
        """Close the model that serves, once nothing calls it any more."""
        await self._board.withdraw(self._owner)
        for compute in list(self._open):
            await self._close(compute)

    async def _close(self, compute: ModelCompute) -> None:
        self._open.remove(compute)
        await asyncio.to_thread(compute.close)

    async def _look(self) -> None:
        assert self._serving is not None
        try:
            wanted = await asyncio.to_thread(choose, self._pipeline.model, self._registry)
        except (ModelError, OSError) as error:
            self._refuse(None, str(error))
            return
        if to_try(self._serving, wanted, self._refused):
            await self._try(wanted)
        elif wanted.folder == self._serving.folder:
            self._accept(wanted)

    async def _try(self, wanted: Choice) -> None:
        began = time.perf_counter()
        try:
            compute = await open_candidate(self._pipeline, wanted, self._worker, self._observer)
        except Exception as error:
            # Whatever is wrong with a candidate must not reach the model that serves.
            self._refuse(wanted, f"{type(error).__name__}: {error}")
            return
        self._open.append(compute)
        if not await self._exchange(compute):
            await self._close(compute)
            return
        former, self._compute, self._since_ms = self._compute, compute, _now_ms()
        self._accept(wanted)
        self._metrics.serves(compute.model)
        self._metrics.reloaded(time.perf_counter() - began)
        log.info(
            "model %s: version %s answers from now on, sha256 %s; before it %s",
            compute.model.name,
            compute.model.version,
            compute.model.digest,
            former.model.version,
        )
        await self._close(former)

    def _accept(self, wanted: Choice) -> None:
        self._serving = wanted
        self._refused = self._refusal = None
        self._metrics.refuses(False)

    def _refuse(self, wanted: Choice | None, reason: str) -> None:
        """Say once that another version goes on in the place of the one that should."""
        version, reason = wanted.version if wanted else "", " ".join(reason.split())
        self._refused = wanted
        if wanted is None and self._refusal is not None and self._refusal.reason == reason:
            return
        self._refusal = Refusal(version, reason, _now_ms())
        self._metrics.refused()
        self._metrics.refuses(True)
        log.error(
            "model %s: %s is refused, version %s goes on: %s",
            self._pipeline.model.name,
            f"version {version}" if version else "what the registry says",
            self._compute.model.version,
            reason,
        )

    def _notice(self) -> Notice:
        model = self._compute.model
        return Notice(
            self._owner, model.name, model.version, model.digest, self._since_ms, self._refusal
        )
