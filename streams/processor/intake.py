"""Chunks to aligner entries: read envelopes, divert bad samples, encode the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from schemas.envelope import decode_sample
from schemas.errors import EnvelopeError
from schemas.pipeline import Pipeline
from schemas.sample import Sample
from streams.align.types import Entry
from streams.compute import BadSample, Compute
from streams.metrics import Metrics
from streams.processor.outputs import dead_letter
from streams.records import Chunk, OutRecord, Record


@dataclass(slots=True)
class Intake:
    """A chunk made ready: entries in order of offset, and dead letters to publish first."""

    entries: list[Entry] = field(default_factory=list)
    dead_letters: list[OutRecord] = field(default_factory=list)


async def take_in(
    chunk: Chunk,
    *,
    pipeline: Pipeline,
    input_name: str,
    compute: Compute,
    metrics: Metrics,
    knows: Callable[[int], bool],
) -> Intake:
    """Decode and encode a chunk. Bad samples become dead letters; nothing is raised for input.

    ``knows(offset)`` is true for records whose feature is not needed again: they are passed on
    without one, for the aligner to recognise.
    """
    out = Intake()
    samples: list[Sample] = []
    records: list[Record] = []
    for record in chunk.records:
        known = knows(record.offset)
        # A known record that is bad was dead-lettered before it was applied.
        sample = _read(record, pipeline, input_name, metrics, Intake() if known else out)
        if sample is None:
            continue
        if known:
            out.entries.append(_entry(sample, b"", pipeline))
        else:
            samples.append(sample)
            records.append(record)
    await _encode(samples, records, pipeline, compute, metrics, out)
    out.entries.sort(key=lambda entry: entry.offset)
    return out


def _read(
    record: Record, pipeline: Pipeline, input_name: str, metrics: Metrics, out: Intake
) -> Sample | None:
    spec = pipeline.inputs[input_name]
    try:
        return decode_sample(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp_ms=record.timestamp_ms,
            key=record.key,
            value=record.value,
            headers=record.headers,
            input_name=input_name,
            spec=spec,
            clock=pipeline.clock,
        )
    except EnvelopeError as error:
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
        placed = error.session is not None and error.sensor is not None
        # Where a segment counts at its end, a bad envelope does not tell the window.
        if placed and error.start_us is not None and spec.event_time == "start":
            out.entries.append(
                Entry(
                    str(error.session),
                    str(error.sensor),
                    record.offset,
                    error.start_us,
                    error.start_us,
                    None,
                )
            )
        metrics.dead_letter("envelope", error.reason)
        metrics.samples(spec.modality, "invalid")
        return None


async def _encode(
    samples: Sequence[Sample],
    records: Sequence[Record],
    pipeline: Pipeline,
    compute: Compute,
    metrics: Metrics,
    out: Intake,
) -> None:
    if not samples:
        return
    began = time.perf_counter()
    features = await compute.encode(samples)
    metrics.stage("encode", time.perf_counter() - began, len(samples))
    good = 0
    for sample, record, feature in zip(samples, records, features, strict=True):
        if isinstance(feature, BadSample):
            out.dead_letters.append(
                dead_letter(
                    pipeline,
                    record,
                    stage="decode",
                    error_class=feature.error_class,
                    reason=feature.reason,
                    message=feature.message,
                )
            )
            out.entries.append(_entry(sample, None, pipeline))
            metrics.dead_letter("decode", feature.reason)
            metrics.samples(sample.modality, "invalid")
        else:
            out.entries.append(_entry(sample, feature, pipeline))
            good += 1
    metrics.samples(samples[0].modality, "encoded", good)


def _entry(sample: Sample, feature: bytes | None, pipeline: Pipeline) -> Entry:
    spec = pipeline.inputs[sample.input]
    start_us, end_us = spec.aligned_span_us(sample.start_us, sample.end_us)
    return Entry(sample.session, sample.sensor, sample.offset, start_us, end_us, feature)
