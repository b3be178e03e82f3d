"""What was fused goes out, then store and broker are told: steps 3 to 6 of the fuse loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from schemas.pipeline import Pipeline
from streams.align.store import WindowStore
from streams.align.types import Window, WindowKey
from streams.engine.port import Engine
from streams.metrics import Metrics
from streams.processor.culprits import Culprits
from streams.processor.fusing import Fused
from streams.processor.measuring import measure
from streams.processor.outputs import event_record, result_record
from streams.processor.shard import Shard
from streams.processor.shards import OwnedShards


def unwatched(fused: Fused) -> None:
    """Nobody wants to know of published batches."""


class Delivery:
    """Delivers batches of one pipeline, one after the other."""

    def __init__(
        self,
        pipeline: Pipeline,
        store: WindowStore,
        shards: OwnedShards,
        metrics: Metrics,
        clock_ms: Callable[[], int],
        published: Callable[[Fused], None],
    ) -> None:
        """``published`` is called with every batch that the broker has; it must not wait."""
        self._pipeline = pipeline
        self._store = store
        self._shards = shards
        self._metrics = metrics
        self._clock_ms = clock_ms
        self._published = published
        self._culprits = Culprits(pipeline, metrics)

    async def deliver(self, engine: Engine, fused: Fused) -> None:
        """Dead letters, then results and events, then acknowledgement and commit by shard.

        Raises what the broker raises; nothing of the batch is acknowledged then.
        """
        await self._culprits.divert(engine, fused.culprits)
        await self._publish(engine, fused)
        for number in sorted({window.shard for window in fused.windows}):
            if (shard := self._shards.get(number)) is not None:
                await self._shards.guarded(shard, self._finish(shard, fused))

    async def _publish(self, engine: Engine, fused: Fused) -> None:
        records = [
            result_record(self._pipeline, shard, result, fused.states.get(result.id))
            for shard, result in fused.results
        ]
        records += [event_record(self._pipeline, shard, event) for shard, event in fused.events]
        await engine.publish(records)
        measure(fused, self._metrics, self._clock_ms())
        self._published(fused)

    async def _finish(self, shard: Shard, fused: Fused) -> None:
        keys = _keys(fused.windows, shard.number)
        states, model_states = (
            {session: state for (number, session), state in each.items() if number == shard.number}
            for each in (fused.event_states, fused.model_states)
        )
        async with shard.lock:
            if shard.usable:
                finished = await self._store.ack(shard.number, keys, [], states, model_states)
                self._shards.commit_through(shard, finished)
                if shard.clocks is not None:
                    for key in keys:
                        if key.over:
                            shard.clocks.forget(key.session)


def _keys(windows: Sequence[Window], shard: int) -> list[WindowKey]:
    return [
        WindowKey(each.session, each.start_us, each.over)
        for each in windows
        if each.shard == shard and each.final
    ]
