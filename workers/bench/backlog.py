"""One backlog: produced whole, then worked off by one process after another."""

from __future__ import annotations

import asyncio
from typing import Literal

from schemas.pipeline import Pipeline
from streams.topics import TopicPlan, ensure_topics, plan_topics
from workers.bench.contestant import Order
from workers.bench.contestants import Contestant
from workers.bench.exactness import Exactness, check_results, compare
from workers.bench.floor import OUTPUT, floor_windows
from workers.bench.oracle import OffsetLedger, Oracle
from workers.bench.pipeline import BACKLOG_IDLE_MS, bench_pipeline, write_pipeline
from workers.bench.produce import producing
from workers.bench.stopwatch import Figures
from workers.bench.workload import FEATURE_BYTES, Workload, by_session, in_order
from workers.demo.site import Site

Engine = Literal["faust", "aiokafka"]


class Backlog:
    """A recording in the input topics of a pipeline of its own; ``produce_backlog`` makes one."""

    def __init__(
        self, site: Site, pipeline: Pipeline, oracle: Oracle, ledger: OffsetLedger
    ) -> None:
        self.pipeline = pipeline
        self.oracle = oracle
        self._site = site
        self._ledger = ledger
        self._file = str(write_pipeline(pipeline, site.log_dir))

    async def work_off(
        self, engine: Engine = "faust", feature_bytes: int = FEATURE_BYTES
    ) -> tuple[Figures, Exactness]:
        """Our worker; possible once, because its offsets are committed."""
        order = self._order("worker", engine=engine, feature_bytes=feature_bytes)
        figures = await self._run(order)
        kafka = self._site.settings.kafka
        return figures, await check_results(self.pipeline, kafka, self.oracle, self._ledger)

    async def bare_loop(self) -> tuple[Figures, Exactness]:
        """The floor; possible once, because it publishes to one topic."""
        figures = await self._run(self._order("floor"))
        kafka = self._site.settings.kafka
        return figures, compare(self.oracle, await floor_windows(self.pipeline, kafka))

    def _order(
        self,
        role: Literal["worker", "floor"],
        *,
        engine: Engine = "faust",
        feature_bytes: int = FEATURE_BYTES,
    ) -> Order:
        return Order(
            role=role,
            pipeline_file=self._file,
            records=self.oracle.samples,
            windows=len(self.oracle.windows),
            engine=engine,
            feature_bytes=feature_bytes,
        )

    async def _run(self, order: Order) -> Figures:
        name = f"{self.pipeline.pipeline}-{order.role}"
        site = self._site
        process = Contestant(name, order, folder=site.log_dir, environ=site.environ())
        try:
            return await process.answer(Figures)
        finally:
            process.end()


async def produce_backlog(site: Site, workload: Workload, name: str) -> Backlog:
    """Create the topics of pipeline ``name`` and put the whole recording into them."""
    pipeline = bench_pipeline(name, workload, idle_after_ms=BACKLOG_IDLE_MS)
    kafka = site.settings.kafka
    plans = [*plan_topics(pipeline), TopicPlan(pipeline.topic(OUTPUT), pipeline.partitions)]
    await asyncio.to_thread(ensure_topics, kafka, plans)
    oracle = Oracle()
    async with producing(pipeline, workload, kafka) as producer:
        await producer.send(in_order(workload, oracle.watching(by_session(workload))))
        return Backlog(site, pipeline, oracle, producer.ledger)
