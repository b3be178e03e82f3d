"""The demo as a whole: servers, topics, workers, feeds, and the wait for the last result."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

from workers.demo.act import Act, cancelled, until_any_fails
from workers.demo.site import Site, create_topics
from workers.demo.tally import Summary, Tally
from workers.demo.worker_process import WorkerProcess, stop_all

#: Seconds without a new result after which the missing ones are given up.
SILENCE_S = 20.0
#: Seconds in which a result published twice must show up after its worker has ended.
_AFTERMATH_S = 0.6
#: Seconds between two looks at the children, the tallies and the screen.
_TICK_S = 0.25


class View(Protocol):
    """Where the demo shows what it does."""

    def phase(self, text: str) -> None:
        """What is being done now."""

    def update(self, tallies: Sequence[Tally]) -> None:
        """How far it is; called about four times a second."""


async def run_demo(
    site: Site, acts: Sequence[Act], view: View, *, arguments: Sequence[str] = ()
) -> list[Summary]:
    """Play every act at the same time and return what came of each.

    ``arguments``: further ones of every ``sensorium worker``. Raises ``StreamError`` or
    ``WorkerError`` where a server or a worker does not start or ends early; every worker has
    ended when this returns or raises.
    """
    return await _Demo(site, acts, view).run(arguments)


class _Demo:
    def __init__(self, site: Site, acts: Sequence[Act], view: View) -> None:
        self._site = site
        self._acts = acts
        self._view = view
        self._tallies = [act.tally for act in acts]
        self._workers: list[WorkerProcess] = []
        self._heard = asyncio.Event()

    async def run(self, arguments: Sequence[str]) -> list[Summary]:
        kafka = self._site.settings.kafka
        began_s = time.monotonic()
        self._view.phase("creating topics")
        await asyncio.to_thread(create_topics, self._site, [act.pipeline for act in self._acts])
        watchers = [
            asyncio.create_task(watching)
            for act in self._acts
            for watching in (
                act.watch_results(kafka, from_beginning=self._site.embedded, heard=self._heard.set),
                act.watch_events(kafka, from_beginning=self._site.embedded),
            )
        ]
        ticker = asyncio.create_task(self._tick())
        try:
            self._view.phase("starting workers")
            self._start_workers(arguments)
            await until_any_fails(self._until_ready(), *watchers)
            self._view.phase("feeding")
            await until_any_fails(self._feed(), *watchers, ticker)
            self._view.phase("waiting for the last windows")
            await until_any_fails(self._until_complete(), *watchers, ticker)
            await cancelled(ticker)
            self._view.phase("ending workers")
            await asyncio.to_thread(stop_all, self._workers)
            await self._until_quiet(_AFTERMATH_S)
            for act in self._acts:
                await act.count_dead_letters(kafka)
        finally:
            await cancelled(ticker, *watchers)
            await asyncio.to_thread(stop_all, self._workers)
        self._view.update(self._tallies)
        seconds = time.monotonic() - began_s
        return [tally.summary(seconds) for tally in self._tallies]

    def _start_workers(self, arguments: Sequence[str]) -> None:
        environ = self._site.environ()
        for act in self._acts:
            self._workers.append(
                WorkerProcess(
                    act.named,
                    name=f"worker-{act.pipeline.pipeline}",
                    arguments=arguments,
                    environ=environ,
                    log_dir=self._site.log_dir,
                )
            )

    async def _until_ready(self) -> None:
        async with asyncio.TaskGroup() as group:
            for worker in self._workers:
                group.create_task(worker.ready())

    async def _feed(self) -> None:
        async with asyncio.TaskGroup() as group:
            for act in self._acts:
                group.create_task(act.feed(self._site.settings.kafka))

    async def _tick(self) -> None:
        while True:
            self._site.stack.check()
            for worker in self._workers:
                worker.check()
            self._view.update(self._tallies)
            await asyncio.sleep(_TICK_S)

    async def _until_complete(self) -> None:
        while not all(tally.complete for tally in self._tallies):
            if not await self._hears_within(SILENCE_S):
                return

    async def _until_quiet(self, seconds: float) -> None:
        while await self._hears_within(seconds):
            pass

    async def _hears_within(self, seconds: float) -> bool:
        """Whether another result comes within the time."""
        self._heard.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._heard.wait()
        except TimeoutError:
            return False
        return True
