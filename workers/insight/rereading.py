"""A published window's samples, read again from their topics by the offsets in its result.

A part of a chunk or segment that began before the window is not named by the window's result: its
record counts where it begins. So where samples are cut, the records before the window's own are
looked through until as many parts were found as the result says were used.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import msgspec

from schemas.envelope_reader import EnvelopeReader
from schemas.errors import EnvelopeError
from schemas.inputs import Hold, Nearest
from schemas.pipeline import Pipeline
from schemas.result import Result, SensorUse
from schemas.sample import Sample
from schemas.units import US_PER_MS, to_us
from streams.align.spec import from_pipeline
from streams.compute import BadSample
from streams.processor.intake import in_tiles
from streams.records import Record
from workers.codecs import cut
from workers.explain.gather import merged
from workers.explain.kinds import label_of, offsets_of
from workers.explain.model import Span
from workers.explain.published import Published
from workers.explain.reader import PartitionReader
from workers.explain.words import counted

#: Records of an input that are looked through for parts that reach into the window, and how many
#: at a time at first; each stretch is twice as long as the one after it.
MAX_LOOKED_BACK = 8_192
_FIRST_STRETCH = 64


@dataclass(slots=True)
class Reread:
    """``samples``: label of the sensor -> what the window used of it, parts where it was cut, in
    corrected event time. ``limits``: what is not as it was, one sentence each.
    """

    samples: dict[str, list[Sample]] = field(default_factory=dict)
    limits: list[str] = field(default_factory=list)


async def reread(
    reader: PartitionReader,
    pipeline: Pipeline,
    partition: int,
    published: Published,
    previous: Published | None,
) -> Reread:
    """The samples that a result was made from. ``previous``: the newest result of the window
    before, where there is one. Raises ``BrokerUnreachable`` where the broker stalls.
    """
    result, found = published.result, Reread()
    for name in pipeline.inputs:
        topic = pipeline.topic(name)
        uses = {label: use for label, use in result.sensors.items() if use.input == name}
        if not any(use.used for use in uses.values()):
            continue
        if partition >= reader.partitions(topic):
            found.limits.append(f"There is no topic {topic} to read samples from.")
            continue
        desk = _Desk(pipeline, name, result, published.span)
        end = await reader.end(topic, partition)
        own = sorted({at for use in uses.values() for at in _chosen(use, desk)})
        for first, last in merged(own):
            await _take(reader, desk, partition, first, min(last + 1, end), frozenset(own))
        if pipeline.inputs[name].matcher.kind == "overlap":
            before = _first_known(uses, previous, end)
            await _look_back(reader, desk, partition, uses, before)
        for label, use in uses.items():
            samples = desk.samples.get(label, [])
            if use.used:
                found.samples[label] = samples
            if len(samples) != use.used:
                found.limits.append(
                    f"{label} gave {counted(use.used, 'sample')} to the model, of which "
                    f"{len(samples)} can be read again."
                )
    return found


def _chosen(use: SensorUse, desk: _Desk) -> Collection[int]:
    """Offsets of the records that the matcher gave to the model, as far as the result tells."""
    if isinstance(desk.spec.matcher, Nearest | Hold):
        return () if use.matched is None else (use.matched,)
    return list(offsets_of(use))


def _first_known(uses: Mapping[str, SensorUse], previous: Published | None, end: int) -> int:
    """The offset before which a record that reaches into the window must be."""
    own = [use.offsets[0][0] for use in uses.values() if use.offsets]
    if own:
        return min(own)
    if previous is not None:
        seen = [
            use.offsets[-1][1] + 1
            for label, use in previous.result.sensors.items()
            if label in uses and use.offsets
        ]
        if seen:
            return max(seen)
    return end


async def _look_back(
    reader: PartitionReader,
    desk: _Desk,
    partition: int,
    uses: Mapping[str, SensorUse],
    before: int,
) -> None:
    stretch, looked = _FIRST_STRETCH, 0
    while before > 0 and looked < MAX_LOOKED_BACK:
        if all(len(desk.samples.get(label, ())) >= use.used for label, use in uses.items()):
            return
        first = max(0, before - stretch)
        await _take(reader, desk, partition, first, before, None)
        looked += before - first
        before, stretch = first, min(2 * stretch, MAX_LOOKED_BACK - looked)


async def _take(
    reader: PartitionReader,
    desk: _Desk,
    partition: int,
    first: int,
    end: int,
    wanted: Collection[int] | None,
) -> None:
    records = reader.read(desk.topic, partition, first, end)
    async with aclosing(records):
        async for record in records:
            if wanted is None or record.offset in wanted:
                desk.take(record)


class _Desk:
    """Records of one input as samples of the window: read, corrected, cut, kept by label."""

    def __init__(self, pipeline: Pipeline, name: str, result: Result, span: Span) -> None:
        self.spec = pipeline.inputs[name]
        self.topic = pipeline.topic(name)
        self.samples: dict[str, list[Sample]] = {}
        self._name = name
        self._result = result
        self._span = span
        self._tile_us = from_pipeline(pipeline).tile_us
        self._read = EnvelopeReader(name, self.spec, pipeline.clock).read

    def take(self, record: Record) -> None:
        """Keep what of the record is in the window; nothing of another session's."""
        if record.key != self._result.session.encode():
            return
        try:
            sample = self._read(
                record.topic,
                record.partition,
                record.offset,
                record.timestamp_ms,
                record.key,
                record.value,
                record.headers,
            )
        except EnvelopeError:
            return
        if not isinstance(sample, Sample):
            return
        label = label_of(self._name, sample.sensor, self._result)
        if label is not None:
            kept = self.samples.setdefault(label, [])
            kept += self._in_window(self._corrected(sample, self._result.sensors[label]))

    def _corrected(self, sample: Sample, use: SensorUse) -> Sample:
        """At the newest sample's correction: one that was estimated may have been another."""
        if use.clock is not None:
            by_us = round(use.clock.offset_ms * US_PER_MS)
        else:
            by_us = to_us(self.spec.clock_of(sample.sensor).offset)
        return msgspec.structs.replace(
            sample, start_us=sample.start_us + by_us, end_us=sample.end_us + by_us
        )

    def _in_window(self, sample: Sample) -> Sequence[Sample]:
        kind = self.spec.matcher.kind
        if kind in ("nearest", "hold"):
            return (sample,)
        parts = in_tiles(sample, cut, self._tile_us) if kind == "overlap" else (sample,)
        if isinstance(parts, BadSample):
            return ()
        return [part for part in parts if self._counts(part)]

    def _counts(self, part: Sample) -> bool:
        at_us, _ = self.spec.aligned_span_us(part.start_us, part.end_us)
        return self._span.start_us <= at_us < self._span.end_us
