"""A published window as the model saw it: its samples encoded once more. Pure but for the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from schemas.pipeline import Pipeline
from schemas.result import Result, SensorUse
from schemas.sample import Sample
from streams.align.types import SensorTally, Window, WindowSample
from streams.compute import BadSample
from workers.backends.base import Decoded, Model
from workers.explain.kinds import offsets_of
from workers.explain.published import Published

#: The order of ``streams.align.types.Window.samples``.
_order = attrgetter("start_us", "sensor", "input", "offset")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """``samples``, ``decoded``: of each sample of the window its payload, and what the model's
    ``decode`` made of it. ``limits``: what could not be decoded, one sentence each.
    """

    window: Window
    samples: Mapping[WindowSample, Sample]
    decoded: Mapping[WindowSample, Decoded]
    limits: Sequence[str]


def rebuild(
    model: Model,
    pipeline: Pipeline,
    published: Published,
    samples: Mapping[str, Sequence[Sample]],
    *,
    max_batch: int,
) -> Rebuilt:
    """The window of a result. ``samples``: label of the sensor -> what was used of it.

    Raises what the model's ``encode`` raises.
    """
    limits: list[str] = []
    kept: list[tuple[str, Sample, Decoded]] = []
    for label, own in samples.items():
        for sample in own:
            decoded = model.decode(sample)
            if isinstance(decoded, BadSample):
                limits.append(f"A sample of {label} cannot be decoded: {decoded.reason}.")
            else:
                kept.append((label, sample, decoded))
    features = _encode(model, kept, max_batch)
    found: dict[WindowSample, tuple[Sample, Decoded]] = {}
    for (label, sample, decoded), feature in zip(kept, features, strict=True):
        span_us = pipeline.inputs[sample.input].aligned_span_us(sample.start_us, sample.end_us)
        one = WindowSample(label, sample.input, sample.offset, *span_us, feature)
        found[one] = sample, decoded
    result, span = published.result, published.span
    window = Window(
        shard=0,
        session=result.session,
        start_us=span.start_us,
        end_us=span.end_us,
        samples=tuple(sorted(found, key=_order)),
        tallies=_tallies(result),
        completed_at_ms=result.timings.completed_at_ms,
        revision=result.revision,
        final=result.final,
        cause=result.cause,
    )
    return Rebuilt(
        window,
        {one: sample for one, (sample, _) in found.items()},
        {one: decoded for one, (_, decoded) in found.items()},
        limits,
    )


def _encode(
    model: Model, kept: Sequence[tuple[str, Sample, Decoded]], max_batch: int
) -> Sequence[bytes]:
    """The features in order, modality by modality, at most ``max_batch`` in a call."""
    features = [b""] * len(kept)
    for modality in sorted({sample.modality for _, sample, _ in kept}):
        own = [at for at, (_, sample, _) in enumerate(kept) if sample.modality is modality]
        for first in range(0, len(own), max_batch):
            part = own[first : first + max_batch]
            encoded = model.encode(modality, [kept[at][2] for at in part])
            for at, feature in zip(part, encoded, strict=True):
                features[at] = feature
    return features


def _tallies(result: Result) -> dict[str, SensorTally]:
    return {label: _tally(use) for label, use in result.sensors.items()}


def _tally(use: SensorUse) -> SensorTally:
    return SensorTally(
        use.input,
        use.samples,
        use.invalid,
        use.dropped,
        use.absent != "never_seen",
        tuple(sorted(offsets_of(use))),
        use.gaps,
        use.repeats,
    )
