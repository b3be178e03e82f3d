"""The parameters as arrays that are indexed by kind of sensor and class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.vehicle.tracking.detections import Floats, Integers, Kind
from workers.vehicle.tracking.parameters import Detecting, Parameters, RadarValues, SensorValues


@dataclass(frozen=True, slots=True)
class SensorTable:
    """One kind of sensor; arrays (classes, …), named as in ``SensorValues``.

    ``real``, ``clutter`` (classes, 5): base, size, hidden, again, ever.
    """

    offset: Floats
    slope: Floats
    base_rate: Floats
    trust: Floats
    real: Floats
    clutter: Floats
    sure: Floats
    birth: Floats
    box_noise: Floats
    box_shift: Floats
    noise_m: Floats
    noise_per_m: Floats

    def evidence(self, scores: Floats, classes: Integers) -> Floats:
        """Log odds that detections (n,) are of real objects, each for itself."""
        clipped = np.clip(scores, 1e-6, 1 - 1e-6)
        odds = np.log(clipped) - np.log1p(-clipped)
        sure: Floats = self.offset[classes] + self.slope[classes] * odds
        return sure


@dataclass(frozen=True, slots=True)
class ClassTable:
    """Arrays (classes, …), named as in ``ClassValues``."""

    acceleration_mps2: Floats
    image_acceleration: Floats
    image_rate: Floats
    speed_mps: Floats
    gate_m: Floats
    gate_iou: Floats
    iou_weight: Floats
    widened: Floats
    far: Floats
    birth_iou: Floats
    confirm: Floats
    suspend: Floats
    drop: Floats
    max_unseen_s: Floats
    turnover_s: Floats
    size_m: Floats


@dataclass(frozen=True, slots=True)
class Tables:
    """All parameters: the plain ones, and those by class and kind of sensor."""

    plain: Parameters
    classes: ClassTable
    sensors: dict[Kind, SensorTable]


def tabulate(parameters: Parameters) -> Tables:
    """Arrays of the parameters."""
    values = parameters.values
    names = ClassTable.__dataclass_fields__
    by_class = {name: _column([getattr(each, name) for each in values]) for name in names}
    radar = _radar_as_sensor(parameters.radar)
    return Tables(
        parameters,
        ClassTable(**by_class),
        {
            Kind.BOXES: _sensor([each.boxes for each in values]),
            Kind.IMAGE: _sensor([each.image for each in values]),
            Kind.RADAR: _sensor([radar] * len(values)),
        },
    )


def _column(values: list[object]) -> Floats:
    return np.array(values, np.float64)


def _sensor(values: list[SensorValues]) -> SensorTable:
    columns = {}
    for name in SensorTable.__dataclass_fields__:
        found = [getattr(each, name) for each in values]
        columns[name] = _column([_weights(v) if isinstance(v, Detecting) else v for v in found])
    return SensorTable(**columns)


def _weights(one: Detecting) -> tuple[float, ...]:
    return one.base, one.size, one.hidden, one.again, one.ever


def _radar_as_sensor(radar: RadarValues) -> SensorValues:
    return SensorValues(
        offset=radar.offset,
        slope=radar.slope,
        base_rate=radar.base_rate,
        trust=radar.trust,
        real=radar.real,
        clutter=radar.clutter,
        sure=-np.inf,
        birth=radar.birth,
    )
