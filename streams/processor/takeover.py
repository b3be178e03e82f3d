"""Taking a shard over: on assignment, and again whenever its state in Redis cannot be trusted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from schemas.pipeline import Pipeline
from streams.align.clock import ShardClocks, corrects
from streams.align.store import WindowStore
from streams.align.types import Claim
from streams.engine.port import Engine
from streams.errors import StoreUnreachable
from streams.metrics import Metrics
from streams.processor.history import ResultLog, restore_from
from streams.processor.progress import InputProgress
from streams.processor.shard import Shard

log = logging.getLogger(__name__)

#: First and longest pause between two attempts to reach Redis, seconds.
_BACKOFF_S = (0.1, 5.0)


class Takeover:
    """Claims shards for one worker, and rebuilds from the results topic what Redis lost."""

    def __init__(
        self,
        pipeline: Pipeline,
        store: WindowStore,
        result_log: ResultLog,
        *,
        owner: str,
        metrics: Metrics,
    ) -> None:
        self._pipeline = pipeline
        self._store = store
        self._result_log = result_log
        self._owner = owner
        self._metrics = metrics

    async def claim(self, shard: Shard, committed: Mapping[str, int], *, lost: bool = True) -> None:
        """Make the shard ready, waiting for Redis as long as it takes.

        ``committed``: input -> offset from which its records will be read. State that is absent,
        or that lacks records before a committed offset (a lagging replica, an old AOF), is
        replaced by what the results topic knows; so is state with another model's features.
        ``lost``: whether state that is absent was lost, and not dropped by ourselves.
        """
        pause_s, longest_s = _BACKOFF_S
        while True:
            encoder = self._store.encoder
            try:
                await self._claim(shard, committed, lost)
                if self._store.encoder == encoder:
                    break  # else the model was exchanged meanwhile
            except StoreUnreachable as error:
                log.warning("shard %d waits for Redis: %s", shard.number, error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, longest_s)
        shard.uncommitted = True
        shard.settled.set()

    async def recover(self, shard: Shard, engine: Engine, *, lost: bool = True) -> None:
        """Read the shard again from its committed offsets, on whatever state Redis still has."""
        topics = {self._pipeline.topic(name): name for name in self._pipeline.inputs}
        offsets = await engine.rewind(shard.number)
        if not offsets:
            return  # revoked meanwhile: the new owner goes on from the committed offsets
        committed = {topics[tp.topic]: offset for tp, offset in offsets.items()}
        await self.claim(shard, committed, lost=lost)

    async def _claim(self, shard: Shard, committed: Mapping[str, int], lost: bool) -> None:
        claim = await self._store.claim(shard.number, self._owner)
        behind = any(claim.applied.get(name, 0) < offset for name, offset in committed.items())
        shard.done = {}
        shard.due = 1  # there may be some: the first lease tells
        shard.progress = {name: InputProgress() for name in self._pipeline.inputs}
        shard.clocks = self._clocks(claim)
        if not claim.fresh and not behind:
            shard.applied = dict(claim.applied)
            return
        past = await restore_from(self._result_log(shard.number), committed, self._pipeline)
        await self._store.restore(shard.number, self._owner, past)
        shard.applied = dict(committed)
        # A sample that later windows may use as well is needed again with its feature.
        tumbling = self._pipeline.window.kind == "tumbling"
        shard.done = {
            name: offsets
            for name, offsets in past.done.items()
            if tumbling and self._pipeline.inputs[name].matcher.kind == "collect"
        }
        if not lost:
            log.info("shard %d: what is open is encoded again by another model", shard.number)
        elif past.sessions:
            self._metrics.recovery()
            log.warning(
                "shard %d: Redis had no usable state; rebuilt %d sessions from %s and reading "
                "again from the committed offsets",
                shard.number,
                len(past.sessions),
                self._pipeline.results_topic,
            )

    def _clocks(self, claim: Claim) -> ShardClocks | None:
        """The shard's clocks as they were when its state was last written."""
        if not any(corrects(spec) for spec in self._pipeline.inputs.values()):
            return None
        clocks = ShardClocks(self._pipeline)
        for session, note in claim.notes.items():
            clocks.load(session, note)
        return clocks
