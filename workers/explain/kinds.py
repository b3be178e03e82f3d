"""What became of a sample in a window, as far as the window's result tells. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.inputs import Hold, InputSpec, Nearest
from schemas.pipeline import Pipeline
from schemas.result import Result, SensorUse
from schemas.units import US_PER_MS
from workers.explain.model import Kind, Span
from workers.explain.records import Placed

#: A sample is taken for the one that a skew speaks of where they agree this well; skews are rounded
#: to microseconds, corrections of clocks may drift within a window.
_SAME_US = 1_000.0


def label_of(input_name: str, sensor: str, result: Result) -> str | None:
    """The name under which a result has a sensor; ``None`` where it has none."""
    for label in (sensor, f"{input_name}/{sensor}"):
        use = result.sensors.get(label)
        if use is not None and use.input == input_name:
            return label
    return None


def offsets_of(use: SensorUse) -> Iterable[int]:
    """Every offset that a result names of a sensor, ascending but for a matched one at the end."""
    for first, last in use.offsets:
        yield from range(first, last + 1)
    if use.matched is not None and not _within(use.matched, use):
        yield use.matched


def reference_us(spec: InputSpec, pipeline: Pipeline, window: Span) -> int | None:
    """The moment of the window that ``nearest`` looks for; ``None`` for another matcher."""
    if not isinstance(spec.matcher, Nearest):
        return None
    return {
        "start": window.start_us,
        "middle": (window.start_us + window.end_us) // 2,
        "end": window.end_us,
        "trigger": window.start_us + pipeline.window.before_us,
    }[spec.matcher.reference]


def chosen_offsets(
    samples: Iterable[Placed], result: Result, pipeline: Pipeline, window: Span
) -> dict[str, int]:
    """Label -> offset of the one sample that ``nearest`` or ``hold`` chose.

    A result that does not name it tells it by the skew, which is that of this one sample.
    """
    closest: dict[str, tuple[float, int]] = {}
    for placed in samples:
        spec = pipeline.inputs[placed.input]
        label = label_of(placed.input, placed.sensor, result)
        if label is None or not isinstance(spec.matcher, Nearest | Hold):
            continue
        use = result.sensors[label]
        if not use.used or use.skew_ms is None:
            continue
        at_us = reference_us(spec, pipeline, window)
        if at_us is None:
            at_us = (window.start_us + window.end_us) // 2
        placed_us, _ = spec.aligned_span_us(placed.start_us, placed.end_us)
        off_us = abs(placed_us - at_us - use.skew_ms * US_PER_MS)
        closest[label] = min(closest.get(label, (off_us, placed.offset)), (off_us, placed.offset))
    found = {label: offset for label, (off_us, offset) in closest.items() if off_us <= _SAME_US}
    named = {label: use.matched for label, use in result.sensors.items() if use.used}
    return found | {label: offset for label, offset in named.items() if offset is not None}


def kind_of(
    placed: Placed, use: SensorUse, spec: InputSpec, window: Span, chosen: int | None
) -> Kind:
    """What became of a sample. A result says so by offset, except for parts of cut intervals."""
    own = _within(placed.offset, use)
    if isinstance(spec.matcher, Nearest | Hold):
        if placed.offset == chosen:
            return "used"
        return "unused" if own else "other"
    reaches_in = placed.start_us < window.end_us and placed.end_us > window.start_us
    if use.used and (own or (spec.matcher.kind == "overlap" and reaches_in)):
        return "used"
    return "unused" if own else "other"


def _within(offset: int, use: SensorUse) -> bool:
    return any(first <= offset <= last for first, last in use.offsets)
