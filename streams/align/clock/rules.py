"""Which clocks a pipeline file corrects, in whole microseconds, and what a correction says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from schemas.inputs import InputSpec, SensorClock
from schemas.pipeline import Pipeline
from schemas.result import Correction
from schemas.units import US_PER_MS, to_us


class Corrected(NamedTuple):
    """A sample's corrected event times, and how they came about.

    ``offset_us`` was added to both, so the length stays as it was; ``drift_ppb`` is the estimated
    rate of the clock less 1, in parts per 10**9.
    """

    start_us: int
    end_us: int
    offset_us: int
    drift_ppb: int = 0


class ClockRule(NamedTuple):
    """A ``SensorClock`` in microseconds; ``at_end``: samples are aligned by their end."""

    fixed_us: int
    min_delay_us: int
    estimated: bool
    drifting: bool
    at_end: bool


class InputClocks(NamedTuple):
    """The rules of one input's sensors: one for all, and those of sensors that differ."""

    default: ClockRule
    sensors: Mapping[str, ClockRule]

    def of(self, sensor: str) -> ClockRule:
        """The rule of one sensor."""
        return self.sensors.get(sensor, self.default)


def clock_rules(pipeline: Pipeline) -> dict[str, InputClocks]:
    """The rules of a pipeline's inputs, by name."""
    return {
        name: InputClocks(
            _rule(spec, spec.clock),
            {sensor: _rule(spec, clock) for sensor, clock in spec.sensor_clocks.items()},
        )
        for name, spec in pipeline.inputs.items()
    }


def corrects(spec: InputSpec) -> bool:
    """Whether any sensor's clock of an input is corrected; if not, its times are as they come."""
    clocks = (spec.clock, *spec.sensor_clocks.values())
    return any(clock.offset or clock.estimate != "none" for clock in clocks)


def needs_state(pipeline: Pipeline) -> bool:
    """Whether any clock is estimated; if not, a correction is one sum and nothing is kept."""
    return any(
        rule.estimated
        for clocks in clock_rules(pipeline).values()
        for rule in (clocks.default, *clocks.sensors.values())
    )


def correction_of(rule: ClockRule, offset_us: int, drift_ppb: int) -> Correction | None:
    """What a result says of a correction; ``None`` where the pipeline file asks for none."""
    if not (rule.fixed_us or rule.estimated):
        return None
    return Correction(
        offset_ms=offset_us / US_PER_MS,
        fixed_ms=rule.fixed_us / US_PER_MS,
        drift_ppm=drift_ppb / 1_000,
    )


def _rule(spec: InputSpec, clock: SensorClock) -> ClockRule:
    return ClockRule(
        fixed_us=to_us(clock.offset),
        min_delay_us=to_us(clock.min_delay),
        estimated=clock.estimate != "none",
        drifting=clock.estimate == "drift",
        at_end=spec.event_time == "end",
    )
