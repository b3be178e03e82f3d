"""When each record of a recording was handed over: the time by which it is played again."""

from __future__ import annotations

from schemas.envelope_reader import EnvelopeReader
from schemas.errors import EnvelopeError
from schemas.pipeline import Pipeline
from schemas.sample import Sample
from schemas.units import US_PER_MS
from streams.records import Record


class Handover:
    """Gives each record a time that never goes back within its partition.

    A record's Kafka timestamp is when it was sent, or for a feed when its sample began; what lasts
    (a chunk, a segment) is handed over when it is over. So it is the timestamp and the sample's
    duration, or the time of the record before it in the partition where that is later.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._readers = {
            pipeline.topic(name): EnvelopeReader(name, spec, pipeline.clock)
            for name, spec in pipeline.inputs.items()
        }
        self._last_us: dict[tuple[str, int], int] = {}

    def time_us(self, record: Record) -> int:
        """Epoch microseconds from 0 on; records of a partition come in the order of offsets."""
        at_us = max(0, record.timestamp_ms) * US_PER_MS + self._duration_us(record)
        place = (record.topic, record.partition)
        at_us = max(at_us, self._last_us.get(place, 0))
        self._last_us[place] = at_us
        return at_us

    def _duration_us(self, record: Record) -> int:
        reader = self._readers.get(record.topic)
        if reader is None:
            return 0
        try:
            found = reader.read(
                record.topic,
                record.partition,
                record.offset,
                record.timestamp_ms,
                record.key,
                record.value,
                record.headers,
            )
        except EnvelopeError:
            return 0
        return found.end_us - found.start_us if isinstance(found, Sample) else 0
