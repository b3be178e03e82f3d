"""Chunks to aligner entries: read envelopes, divert bad samples, encode the rest."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from schemas.envelope_reader import EnvelopeReader
from schemas.errors import EnvelopeError
from schemas.inputs import InputSpec
from schemas.pipeline import Pipeline
from schemas.sample import Sample, SessionEnd
from streams.align.types import Entry
from streams.compute import BadSample, Compute
from streams.metrics import Metrics
from streams.processor.outputs import dead_letter
from streams.records import Chunk, OutRecord, Record

_by_offset = attrgetter("offset")


@dataclass(slots=True)
class Intake:
    """A chunk made ready: entries in order of offset, and dead letters to publish first.

    ``ends``: (session, offset) of the records that end their session on this input, in order of
    offset; they have no entry.
    """

    entries: list[Entry] = field(default_factory=list)
    dead_letters: list[OutRecord] = field(default_factory=list)
    ends: list[tuple[str, int]] = field(default_factory=list)


async def take_in(
    chunk: Chunk,
    *,
    pipeline: Pipeline,
    reader: EnvelopeReader,
    compute: Compute,
    metrics: Metrics,
    known_below: int,
    done: Collection[int],
) -> Intake:
    """Decode and encode a chunk of the reader's input. Bad samples become dead letters; nothing is
    raised for input.

    Records before offset ``known_below`` and those in ``done`` are known: their feature is not
    needed again, and they are passed on without one, for the aligner to recognise. Ends of
    sessions are passed on whether known or not.
    """
    out = Intake()
    spec = pipeline.inputs[reader.input_name]
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
        except EnvelopeError as error:
            # A known record that is bad was dead-lettered before it was applied.
            if not known:
                _refuse(record, error, pipeline, spec, metrics, out)
            continue
        if isinstance(sample, SessionEnd):
            out.ends.append(sample)
        elif known:
            out.entries.append(_entry(sample, b"", spec))
        else:
            samples.append(sample)
    if samples:
        mixed = bool(out.entries)
        await _encode(samples, chunk, pipeline, spec, compute, metrics, out)
        if mixed:
            out.entries.sort(key=_by_offset)
    return out


def _refuse(
    record: Record,
    error: EnvelopeError,
    pipeline: Pipeline,
    spec: InputSpec,
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
    if error.session and error.sensor and at_us is not None and spec.event_time == "start":
        out.entries.append(Entry(error.session, error.sensor, record.offset, at_us, at_us, None))
    metrics.dead_letter("envelope", error.reason)
    metrics.samples(spec.modality, "invalid")


async def _encode(
    samples: Sequence[Sample],
    chunk: Chunk,
    pipeline: Pipeline,
    spec: InputSpec,
    compute: Compute,
    metrics: Metrics,
    out: Intake,
) -> None:
    began = time.perf_counter()
    features = await compute.encode(samples)
    metrics.stage("encode", time.perf_counter() - began, len(samples))
    bad: dict[int, BadSample] = {}
    for sample, feature in zip(samples, features, strict=True):
        if isinstance(feature, BadSample):
            bad[sample.offset] = feature
            out.entries.append(_entry(sample, None, spec))
        else:
            out.entries.append(_entry(sample, feature, spec))
    metrics.samples(spec.modality, "encoded", len(samples) - len(bad))
    if bad:
        _divert(bad, chunk, pipeline, spec, metrics, out)


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


def _entry(sample: Sample, feature: bytes | None, spec: InputSpec) -> Entry:
    start_us, end_us = spec.aligned_span_us(sample.start_us, sample.end_us)
    return Entry(sample.session, sample.sensor, sample.offset, start_us, end_us, feature)
