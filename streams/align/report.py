"""What a window's result says about its sensors: used, coverage, skew, and why one is absent."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from schemas.result import AbsentReason, Correction, Quality, SensorUse
from schemas.units import US_PER_MS
from streams.align.spec import AlignSpec, InputRule
from streams.align.types import SensorTally, Window, WindowSample

#: Digits kept of coverage, skew and completeness: microseconds for a skew in milliseconds.
_DIGITS = 3


def sensor_uses(window: Window, spec: AlignSpec) -> tuple[dict[str, SensorUse], Quality]:
    """The ``sensors`` and ``quality`` of a window's result, a function of the window alone.

    ``coverage``: share of the window that the used samples' intervals cover together. Instants
    cover nothing and their expected spacing is not known, so a sensor whose used samples are all
    instants counts as 1 if it has any. ``skew_ms``: mean start of the used samples less the
    reference time, which is the window's middle, or for ``nearest`` the input's own.

    ``absent`` is never ``late``: at its close a window cannot know what will come too late.
    """
    used: dict[str, list[WindowSample]] = {label: [] for label in window.tallies}
    for sample in window.samples:
        used[sample.sensor].append(sample)
    uses = {
        label: _sensor_use(window, spec, label, tally, used[label])
        for label, tally in window.tallies.items()
    }
    return uses, _quality(spec, uses)


def _sensor_use(
    window: Window,
    spec: AlignSpec,
    label: str,
    tally: SensorTally,
    used: Sequence[WindowSample],
) -> SensorUse:
    rule = spec.inputs[spec.position[tally.input]]
    chosen = used[0] if used and rule.matcher in ("nearest", "hold") else None
    starts_us = [sample.start_us for sample in used]
    return SensorUse(
        tally.input,
        rule.modality,
        tally.samples,
        len(used),
        tally.invalid,
        tally.dropped,
        coverage(starts_us, [s.end_us for s in used], window.start_us, window.end_us),
        _skew_ms(window, rule, starts_us) if used else None,
        None if used else _absent(tally),
        runs(tally.offsets),
        None if chosen is None else chosen.offset,
        (window.end_us - chosen.start_us) / US_PER_MS
        if chosen is not None and rule.matcher == "hold"
        else None,
        tally.gaps,
        tally.repeats,
        _correction(rule, label, tally) if rule.fixed_us and tally.samples else None,
        msgspec.UNSET if tally.sequence is None else tally.sequence,
    )


def _correction(rule: InputRule, label: str, tally: SensorTally) -> Correction:
    sensor = label.removeprefix(f"{rule.name}/")
    fixed_us = rule.fixed_us.get(sensor, rule.fixed_us[""])
    return Correction(tally.shift_us / US_PER_MS, fixed_us / US_PER_MS, tally.drift_ppb / 1000)


def coverage(starts_us: Sequence[int], ends_us: Sequence[int], start_us: int, end_us: int) -> float:
    """Share of [start_us, end_us) that the samples' intervals cover together, 0 to 1."""
    if starts_us == ends_us:
        return 1.0 if starts_us else 0.0
    spans = sorted(zip(starts_us, ends_us, strict=True))
    covered_us, reached_us = 0, start_us
    for first, last in spans:
        first, last = max(first, reached_us), min(last, end_us)
        covered_us += max(0, last - first)
        reached_us = max(reached_us, last)
    return round(covered_us / (end_us - start_us), _DIGITS)


def _skew_ms(window: Window, rule: InputRule, starts_us: Sequence[int]) -> float:
    """Mean start less the reference; all from the window's start, as whole epoch microseconds
    would cost the mean its last digits.
    """
    start_us = window.start_us
    if rule.matcher == "nearest":
        reference_us = float(rule.reference_us)
    else:
        reference_us = (window.end_us - start_us) / 2
    count = len(starts_us)
    mean_us = (sum(starts_us) - count * start_us) / count
    return round((mean_us - reference_us) / US_PER_MS, _DIGITS)


def _absent(tally: SensorTally) -> AbsentReason:
    if tally.invalid:
        return "invalid"
    if tally.dropped:
        return "dropped"
    return "idle" if tally.seen else "never_seen"


def runs(offsets: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending offsets as [first, last] runs.

    >>> runs([3, 4, 5, 9])
    [(3, 5), (9, 9)]
    """
    if not offsets:
        return []
    found: list[tuple[int, int]] = []
    first = last = offsets[0]
    for offset in offsets[1:]:
        if offset != last + 1:
            found.append((first, last))
            first = offset
        last = offset
    found.append((first, last))
    return found


def _quality(spec: AlignSpec, uses: dict[str, SensorUse]) -> Quality:
    """``missing`` names every absent sensor; ``completeness`` looks at expected inputs only."""
    expected = present = 0
    least_ms = most_ms = None
    missing: list[str] = []
    for label, use in uses.items():
        if spec.inputs[spec.position[use.input]].expected:
            expected += 1
            present += use.used > 0
        if not use.used:
            missing.append(label)
        skew_ms = use.skew_ms
        if skew_ms is not None:
            if least_ms is None or skew_ms < least_ms:
                least_ms = skew_ms
            if most_ms is None or skew_ms > most_ms:
                most_ms = skew_ms
    missing.sort()
    spread_ms = 0.0 if least_ms is None or most_ms is None else most_ms - least_ms
    return Quality(
        completeness=round(present / expected, _DIGITS) if expected else 1.0,
        skew_ms=round(spread_ms, _DIGITS),
        missing=missing,
    )
