"""The records that fusion failed on: read again, and made dead letters."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence

from schemas.pipeline import Pipeline
from streams.compute import Culprit
from streams.engine.port import Engine
from streams.metrics import Metrics
from streams.processor.outputs import dead_letter
from streams.records import TopicPartition

log = logging.getLogger(__name__)

#: Culprits that are remembered: a held value or a sliding window meets one again and again. One
#: that was forgotten becomes a dead letter twice.
_REMEMBERED = 10_000


class Culprits:
    """Sends culprits to ``<pipeline>.dlq``, each once for as long as it is remembered."""

    def __init__(self, pipeline: Pipeline, metrics: Metrics) -> None:
        self._pipeline = pipeline
        self._metrics = metrics
        #: (shard, input, offset) of those that the broker has, the latest last
        self._done: OrderedDict[tuple[int, str, int], None] = OrderedDict()

    async def divert(self, engine: Engine, culprits: Sequence[tuple[int, Culprit]]) -> None:
        """Return once the broker has a dead letter of each; ``culprits``: each with its shard.

        One at a time, so that only one record is in memory. One that the broker does not keep any
        more is named in the log. Raises what the engine raises.
        """
        for shard, culprit in culprits:
            key = (shard, culprit.input, culprit.offset)
            if key in self._done:
                self._done.move_to_end(key)
                continue
            tp = TopicPartition(self._pipeline.topic(culprit.input), shard)
            record = await engine.read_record(tp, culprit.offset)
            if record is None:
                log.warning(
                    "the model fails on record %d of %s, partition %d, which is no longer there "
                    "to become a dead letter: %s",
                    culprit.offset,
                    tp.topic,
                    shard,
                    culprit.reason,
                )
            else:
                letter = dead_letter(
                    self._pipeline,
                    record,
                    stage="fuse",
                    error_class=culprit.error_class,
                    reason=culprit.reason,
                    message=culprit.message,
                )
                await engine.publish([letter])
                self._metrics.dead_letter("fuse", culprit.reason)
            self._done[key] = None
            if len(self._done) > _REMEMBERED:
                self._done.popitem(last=False)
