"""A recording played live to a worker in a process of its own."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from schemas.pipeline import Pipeline
from streams.topics import ensure_topics, plan_topics
from workers.bench.contestant import Order, Role
from workers.bench.contestants import Contestant
from workers.bench.exactness import Exactness, check_results
from workers.bench.oracle import OffsetLedger, Oracle
from workers.bench.pipeline import write_pipeline
from workers.bench.produce import Confirmed, Pace, play, producing
from workers.bench.workload import FEATURE_BYTES, Workload, by_session, in_order
from workers.demo.site import Site


class LiveRun:
    """One paced run on the servers of a site; use it once.

    ``tick_ms``: samples of so many milliseconds are sent together.
    """

    def __init__(
        self,
        site: Site,
        workload: Workload,
        pipeline: Pipeline,
        *,
        tick_ms: int,
        feature_bytes: int = FEATURE_BYTES,
    ) -> None:
        self.pace = Pace()
        self.oracle = Oracle()
        self._ledger = OffsetLedger()
        self._site = site
        self._workload = workload
        self._pipeline = pipeline
        self._tick_ms = tick_ms
        self._feature_bytes = feature_bytes

    @asynccontextmanager
    async def started(self, *roles: Role) -> AsyncIterator[list[Contestant]]:
        """Processes of these roles, once they read; they end with the block."""
        kafka = self._site.settings.kafka
        await asyncio.to_thread(ensure_topics, kafka, plan_topics(self._pipeline))
        file = str(write_pipeline(self._pipeline, self._site.log_dir))
        running: list[Contestant] = []
        try:
            for role in roles:
                order = Order(role=role, pipeline_file=file, feature_bytes=self._feature_bytes)
                folder, environ = self._site.log_dir, self._site.environ()
                running.append(Contestant(role, order, folder=folder, environ=environ))
            await asyncio.gather(*(each.ready() for each in running))
            yield running
        finally:
            for each in running:
                each.end()

    async def play(self) -> AsyncIterator[list[Confirmed]]:
        """Send the recording by the wall clock; yields what the broker confirmed."""
        workload = self._workload
        arrivals = in_order(workload, self.oracle.watching(by_session(workload)))
        kafka = self._site.settings.kafka
        async with producing(self._pipeline, workload, kafka) as producer:
            self._ledger = producer.ledger
            # What is already there need not be looked through again while time is measured.
            gc.freeze()
            try:
                batches = play(
                    producer,
                    arrivals,
                    start_ms=workload.start_ms,
                    tick_ms=self._tick_ms,
                    pace=self.pace,
                )
                async for confirmed in batches:
                    yield confirmed
            finally:
                gc.unfreeze()

    async def check(self) -> Exactness:
        """Hold the final results that were published to the recording."""
        kafka = self._site.settings.kafka
        return await check_results(self._pipeline, kafka, self.oracle, self._ledger)
