"""Keeps the readers of a worker's inputs in step: who is how far, and who is held back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas.pipeline import Pipeline
from schemas.units import to_us
from streams.align.types import Entry
from streams.engine.port import Engine
from streams.metrics import Metrics
from streams.processor.progress import all_but_slowest, too_far_ahead
from streams.processor.shard import Shard
from streams.records import TopicPartition

#: Without ``limits.max_ahead``: so many windows, and never less than this.
_WINDOWS_AHEAD = 8
_LEAST_AHEAD_US = 5_000_000


class Pace:
    """Looks at how far each input of each shard is, and tells the engine what to hold back."""

    def __init__(self, pipeline: Pipeline, engine: Engine, metrics: Metrics) -> None:
        self._pipeline = pipeline
        self._engine = engine
        self._metrics = metrics
        self._max_ahead_us = max_ahead_us(pipeline)
        self._held: frozenset[TopicPartition] = frozenset()

    def note_applied(self, shard: Shard, name: str, entries: Sequence[Entry], now_ms: int) -> None:
        """A batch of one input is about to be applied, and counted in ``shard.applied``."""
        one = shard.progress[name]
        one.moved_ms = now_ms
        if entries:
            one.newest_us = max(one.newest_us, max([entry.start_us for entry in entries]))
        self.note_ends(shard)

    def note_ends(self, shard: Shard) -> None:
        """See how far each input's partition reaches, and since when that is known."""
        for name, one in shard.progress.items():
            tp = TopicPartition(self._pipeline.topic(name), shard.number)
            known_ms = self._engine.end_known_ms(tp)
            end = self._engine.end_offset(tp)
            if known_ms is not None and end is not None:
                one.note(shard.applied.get(name, 0), end, known_ms)

    def hold_back(self, shards: Iterable[Shard], now_ms: int) -> None:
        """Stop reading what is too far ahead, and go on with what no longer is."""
        held: set[TopicPartition] = set()
        for shard in shards:
            names = set(too_far_ahead(shard.progress, self._max_ahead_us, now_ms))
            if shard.full or shard.size > self._pipeline.limits.max_shard_bytes:
                names |= {
                    name
                    for name in all_but_slowest(shard.progress, now_ms)
                    if not shard.full or self._pipeline.inputs[name].overload == "wait"
                }
            held |= {TopicPartition(self._pipeline.topic(name), shard.number) for name in names}
        # Said again each time: partitions that come back to us are not held back by then.
        if held or self._held:
            self._engine.hold_back(held)
        self._held = frozenset(held)
        self._metrics.held_back(len(held))


def max_ahead_us(pipeline: Pipeline) -> int:
    """How far an input may be read ahead of the slowest, in event time."""
    if pipeline.limits.max_ahead is not None:
        return to_us(pipeline.limits.max_ahead)
    lateness_us = max(spec.lateness_us for spec in pipeline.inputs.values())
    allowed_us = to_us(pipeline.results.allowed_lateness)
    span_us = _WINDOWS_AHEAD * pipeline.window.size_us + lateness_us + allowed_us
    return max(_LEAST_AHEAD_US, span_us)
