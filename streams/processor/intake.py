"""Chunks to aligner entries: read envelopes, divert bad samples, encode the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import cast

from schemas.envelope_reader import EnvelopeReader
from schemas.errors import EnvelopeError
from schemas.inputs import InputSpec
from schemas.pipeline import Pipeline
from schemas.sample import Sample, SessionEnd
from streams.align.clock import ShardClocks, corrects
from streams.align.rules import MAX_EVENT_TIME_US
from streams.align.spec import AlignSpec
from streams.align.types import DROPPED, Entry
from streams.compute import BadSample, Compute, Cutter, Dropped
from streams.metrics import Metrics
from streams.processor.outputs import dead_letter
from streams.processor.timing import Timing
from streams.processor.waiting import until_answered
from streams.records import Chunk, OutRecord, Record

_by_offset = attrgetter("offset")


@dataclass(slots=True)
class Intake:
    """A chunk made ready: entries in order of offset, and dead letters to publish first.

    ``ends``: the records that end their session on this input, in order of offset; they have no
    entry.
    """

    entries: list[Entry] = field(default_factory=list)
    dead_letters: list[OutRecord] = field(default_factory=list)
    ends: list[SessionEnd] = field(default_factory=list)


async def take_in(
    chunk: Chunk,
    *,
    pipeline: Pipeline,
    reader: EnvelopeReader,
    compute: Compute,
    metrics: Metrics,
    known_below: int,
    done: Collection[int],
    spec: AlignSpec,
    clocks: ShardClocks | None = None,
    wanted: Callable[[], bool] = lambda: True,
) -> Intake:
    """Decode and encode a chunk of the reader's input. Bad samples become dead letters, those that
    there was no room for go on without a feature; nothing is raised for input.

    A model that does not answer is asked again for as long as the chunk is ``wanted``; what is
    returned when it no longer is lacks samples.

    Records before offset ``known_below`` and those in ``done`` are known: their feature is not
    needed again, and they are passed on without one, for the aligner to recognise. Ends of
    sessions are passed on whether known or not. ``clocks`` corrects event times, where it is
    given and the input has a clock to be corrected.

    For ``overlap``, what reaches over the bounds of windows is cut there before it is encoded.
    """
    out = Intake()
    rule = pipeline.inputs[reader.input_name]
    timed = Timing(rule, reader.input_name, clocks if corrects(rule) else None)
    samples: list[Sample] = []
    read = reader.read
    some_known = bool(done) or chunk.records[0].offset < known_below
    for record in chunk.records:
        offset = record.offset
        known = some_known and (offset < known_below or offset in done)
        try:
            sample = read(
                record.topic,
                record.partition,
                offset,
                record.timestamp_ms,
                record.key,
                record.value,
                record.headers,
            )
            if timed.clocks is not None and isinstance(sample, Sample):
                sample = timed.correct(sample, record.timestamp_ms)
        except EnvelopeError as error:
            # A known record that is bad was dead-lettered before it was applied.
            if not known:
                _refuse(record, error, pipeline, timed, metrics, out)
            continue
        if isinstance(sample, SessionEnd):
            out.ends.append(sample)
        elif known:
            out.entries.append(timed.entry(sample, b""))
        else:
            samples.append(sample)
    if samples:
        mixed = bool(out.entries)
        cut = _cut(samples, compute, spec) if rule.matcher.kind == "overlap" else samples
        await _encode(cut, chunk, pipeline, timed, compute, metrics, out, wanted)
        if mixed:
            out.entries.sort(key=_by_offset)
    return out


def _cut(
    samples: Sequence[Sample], compute: Compute, spec: AlignSpec
) -> list[Sample | tuple[Sample, BadSample]]:
    """Every sample in parts that lie in one tile each; one that cannot be cut with the reason."""
    parts: list[Sample | tuple[Sample, BadSample]] = []
    for sample in samples:
        found = in_tiles(sample, compute, spec.tile_us)
        if isinstance(found, BadSample):
            parts.append((sample, found))
        else:
            parts += found
    return parts


def in_tiles(sample: Sample, cutter: Cutter, tile_us: int) -> Sequence[Sample] | BadSample:
    """The parts of a sample that lie in one tile each."""
    interval_us = cutter.interval_us(sample)
    if isinstance(interval_us, BadSample):
        return interval_us
    start_us, end_us = interval_us
    bounds_us = range((start_us // tile_us + 1) * tile_us, end_us, tile_us)
    return cutter.cut(sample, bounds_us)


def _refuse(
    record: Record,
    error: EnvelopeError,
    pipeline: Pipeline,
    timed: Timing,
    metrics: Metrics,
    out: Intake,
) -> None:
    out.dead_letters.append(
        dead_letter(
            pipeline,
            record,
            stage="envelope",
            error_class=type(error).__name__,
            reason=error.reason,
            message=str(error),
        )
    )
    at_us = error.start_us
    # Where a segment counts at its end, a bad envelope does not tell the window.
    if error.session and error.sensor and at_us is not None and timed.spec.event_time == "start":
        at_us += timed.fixed_us(error.sensor)
        if abs(at_us) <= MAX_EVENT_TIME_US:
            entry = Entry(error.session, error.sensor, record.offset, at_us, at_us, None)
            out.entries.append(entry)
    metrics.dead_letter("envelope", error.reason)
    metrics.samples(timed.spec.modality, "invalid")


async def _encode(
    cut: Sequence[Sample | tuple[Sample, BadSample]],
    chunk: Chunk,
    pipeline: Pipeline,
    timed: Timing,
    compute: Compute,
    metrics: Metrics,
    out: Intake,
    wanted: Callable[[], bool],
) -> None:
    bad: dict[int, BadSample] = {}
    samples: list[Sample] = []
    for one in cut:
        if isinstance(one, Sample):
            samples.append(one)
        else:
            bad[one[0].offset] = one[1]
            out.entries.append(timed.entry(one[0], None))
    began = time.perf_counter()
    features = await until_answered(lambda: compute.encode(samples), wanted=wanted)
    if features is None:
        return
    metrics.stage("encode", time.perf_counter() - began, len(samples))
    if not bad and timed.is_plain and all(type(f) is bytes for f in features):
        # The common case: nothing was cut or corrected, nothing is bad.
        out.entries += [
            Entry(s.session, s.sensor, s.offset, s.start_us, s.end_us, feature, 0, s.sequence)
            for s, feature in zip(samples, cast("list[bytes]", features), strict=True)
        ]
        metrics.samples(timed.spec.modality, "encoded", len(samples))
        return
    entry, append = timed.entry, out.entries.append
    last, part = -1, 0
    shed: set[int] = set()
    for sample, feature in zip(samples, features, strict=True):
        offset = sample.offset
        part = part + 1 if offset == last else 0
        last = offset
        if isinstance(feature, BadSample):
            bad[offset] = feature
            if part == 0:
                append(entry(sample, None))
        elif isinstance(feature, Dropped):
            shed.add(offset)
            append(entry(sample, None, DROPPED))
        else:
            append(entry(sample, feature, part))
    # A sample that was cut counts once: as invalid or dropped where any part of it is.
    good = len({sample.offset for sample in samples} - bad.keys() - shed)
    metrics.samples(timed.spec.modality, "encoded", good)
    metrics.dropped(timed.spec.modality, "max_queued_samples", len(shed))
    if bad:
        out.entries.sort(key=_by_offset)
        _divert(bad, chunk, pipeline, timed.spec, metrics, out)


def _divert(
    bad: Mapping[int, BadSample],
    chunk: Chunk,
    pipeline: Pipeline,
    spec: InputSpec,
    metrics: Metrics,
    out: Intake,
) -> None:
    for record in chunk.records:
        why = bad.get(record.offset)
        if why is not None:
            out.dead_letters.append(
                dead_letter(
                    pipeline,
                    record,
                    stage="decode",
                    error_class=why.error_class,
                    reason=why.reason,
                    message=why.message,
                )
            )
            metrics.dead_letter("decode", why.reason)
    metrics.samples(spec.modality, "invalid", len(bad))
