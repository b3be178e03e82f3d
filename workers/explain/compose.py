"""Puts together what was read of a window: which sample was used, unused, late, invalid. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from schemas.inputs import Nearest
from schemas.pipeline import Pipeline
from schemas.result import Result, SensorUse
from schemas.units import US_PER_MS, to_us
from workers.explain.findings import findings
from workers.explain.kinds import chosen_offsets, kind_of, label_of, offsets_of, reference_us
from workers.explain.model import Explanation, Kind, SampleMark, SensorFacts, Span
from workers.explain.published import Published
from workers.explain.records import Diverted, Placed

#: Share of the window's length that is drawn on each side of it.
_MARGIN = 0.15


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was read. ``revisions``: of the window, ascending, at least one.

    ``samples``: of the window and its neighbours, from the inputs' topics; ``limits``: what was
    not looked at, one sentence each.
    """

    partition: int
    revisions: Sequence[Published]
    previous: Published | None
    next: Published | None
    samples: Sequence[Placed]
    diverted: Sequence[Diverted]
    limits: Sequence[str] = ()


def compose(pipeline: Pipeline, gathered: Gathered) -> Explanation:
    """The explanation of the window's newest revision."""
    newest = gathered.revisions[-1]
    result, span = newest.result, newest.span
    view = view_of(pipeline, span)
    read = {(placed.input, placed.offset) for placed in gathered.samples}
    sensors = tuple(
        _facts(label, use, pipeline, span, read) for label, use in result.sensors.items()
    )
    samples = _corrected(gathered, pipeline)
    chosen = chosen_offsets(samples, result, pipeline, span)
    marks = [_counted(placed, result, pipeline, span, chosen) for placed in samples]
    marks += [_diverted(one, result, pipeline) for one in gathered.diverted]
    explanation = Explanation(
        pipeline=result.pipeline,
        session=result.session,
        partition=gathered.partition,
        result_id=result.id,
        window=span,
        view=view,
        previous=gathered.previous.span if gathered.previous else None,
        next=gathered.next.span if gathered.next else None,
        revisions=tuple(one.revision() for one in gathered.revisions),
        closing=newest.closing,
        quality=result.quality,
        answers=result.tasks,
        model=result.model,
        sensors=sensors,
        samples=tuple(
            sorted(
                (mark for mark in marks if _touches(mark, view) or mark.kind == "used"),
                key=lambda mark: (mark.start_us, mark.sensor, mark.offset),
            )
        ),
        limits=tuple(gathered.limits),
        shares=result.modalities,
        contributions=None if result.contributions is msgspec.UNSET else result.contributions,
    )
    return msgspec.structs.replace(explanation, findings=tuple(findings(explanation)))


def view_of(pipeline: Pipeline, window: Span) -> Span:
    """The window and a margin: part of its length, or as far as ``nearest`` looks past it."""
    length_us = window.end_us - window.start_us
    left_us = right_us = round(length_us * _MARGIN)
    for spec in pipeline.inputs.values():
        at_us = reference_us(spec, pipeline, window)
        if isinstance(spec.matcher, Nearest) and at_us is not None:
            tolerance_us = min(to_us(spec.matcher.tolerance), length_us)
            left_us = max(left_us, window.start_us - (at_us - tolerance_us))
            right_us = max(right_us, at_us + tolerance_us - window.end_us)
    return Span(window.start_us - left_us, window.end_us + right_us)


def _facts(
    label: str,
    use: SensorUse,
    pipeline: Pipeline,
    window: Span,
    read: Collection[tuple[str, int]],
) -> SensorFacts:
    spec = pipeline.inputs.get(use.input)
    unread = sum((use.input, offset) not in read for offset in offsets_of(use))
    if spec is None:
        return SensorFacts(label, use, "collect", unread=unread)
    return SensorFacts(
        label,
        use,
        spec.matcher.kind,
        reference_us=reference_us(spec, pipeline, window),
        timed_at_end=spec.event_time == "end",
        unread=unread,
    )


def _corrected(gathered: Gathered, pipeline: Pipeline) -> list[Placed]:
    """The samples in corrected event time, each input's offset once."""
    result = gathered.revisions[-1].result
    once = {(placed.input, placed.offset): placed for placed in gathered.samples}
    return [_moved(placed, result, pipeline) for placed in once.values()]


def _moved(placed: Placed, result: Result, pipeline: Pipeline) -> Placed:
    label = label_of(placed.input, placed.sensor, result)
    if label is None:
        by_us = to_us(pipeline.inputs[placed.input].clock_of(placed.sensor).offset)
    else:
        clock = result.sensors[label].clock
        by_us = 0 if clock is None else round(clock.offset_ms * US_PER_MS)
    return _shifted(placed, by_us) if by_us and placed.time_known else placed


def _shifted(placed: Placed, by_us: int) -> Placed:
    return Placed(
        placed.input,
        placed.sensor,
        placed.offset,
        placed.start_us + by_us,
        placed.end_us + by_us,
        placed.stamped_ms,
        placed.value_bytes,
    )


def _counted(
    placed: Placed,
    result: Result,
    pipeline: Pipeline,
    window: Span,
    chosen: Mapping[str, int],
) -> SampleMark:
    label = label_of(placed.input, placed.sensor, result)
    kind: Kind = "other"
    if label is not None:
        use, spec = result.sensors[label], pipeline.inputs[placed.input]
        kind = kind_of(placed, use, spec, window, chosen.get(label))
    return _mark(placed, label, kind)


def _diverted(one: Diverted, result: Result, pipeline: Pipeline) -> SampleMark:
    placed = _moved(one.placed, result, pipeline)
    label = label_of(placed.input, placed.sensor, result)
    mark = _mark(placed, label, one.kind)
    return msgspec.structs.replace(mark, reason=one.reason, late_by_ms=one.late_by_ms)


def _mark(placed: Placed, label: str | None, kind: Kind) -> SampleMark:
    return SampleMark(
        sensor=label or placed.sensor,
        input=placed.input,
        kind=kind,
        start_us=placed.start_us,
        end_us=placed.end_us,
        offset=placed.offset,
        stamped_ms=placed.stamped_ms,
        value_bytes=placed.value_bytes,
        time_known=placed.time_known,
    )


def _touches(mark: SampleMark, view: Span) -> bool:
    if mark.start_us == mark.end_us:
        return view.start_us <= mark.start_us < view.end_us
    return mark.start_us < view.end_us and mark.end_us > view.start_us
