"""Draws a drive: episodes of an open road, a car ahead and people who cross, one after another."""

from __future__ import annotations

import numpy as np

from streams.scenes.curves import Curve
from streams.scenes.vehicle.traffic import (
    CAR,
    PEDESTRIAN,
    POLE,
    SIGHT_M,
    Fixture,
    Mover,
    Shape,
    Traffic,
)

LANE_M = 3.5
PAVEMENT_M = 6.4
_KINDS = ("clear", "vehicle", "pedestrian")
#: Episodes begin before the recording, so that its first moments are like any other.
_LEAD_IN_S = 6.0


def plan_drive(duration_s: float, rng: np.random.Generator) -> Traffic:
    """Traffic for a drive of ``duration_s``, drawn from ``rng``."""
    movers: list[Mover] = []
    crossings: list[tuple[float, float, Curve]] = []
    kind = _KINDS[rng.integers(3)]
    side = _side(rng)
    now = -_LEAD_IN_S
    while now < duration_s:
        if kind == "vehicle":
            end = now + rng.uniform(7.0, 11.0)
            side = -side
            movers.append(_car_ahead(now, end, side, rng))
        elif kind == "pedestrian":
            end = now + rng.uniform(8.0, 11.0)
            walker = _crossing(now, end, rng)
            movers.append(walker)
            crossings.append((walker.x.start, walker.x.end, walker.x))
        else:
            end = now + rng.uniform(4.0, 7.0)
            movers += _bystanders(now, end, side, rng)
        now = end
        kind = [other for other in _KINDS if other != kind][rng.integers(2)]
    odometer = _odometer(duration_s, crossings, float(rng.uniform(8.0, 14.0)))
    return Traffic(movers, _roadside(float(odometer[-1]) + SIGHT_M, rng), odometer)


def _car_ahead(start: float, end: float, side: float, rng: np.random.Generator) -> Mover:
    inner = np.arange(start + 2.2, end - 2.0, 2.4)
    gaps = [(float(time), _gap_m(rng)) for time in inner]
    drift = float(rng.uniform(-0.3, 0.3))
    if rng.random() < 0.5:
        # Overtakes us and cuts in, changes lanes again and is gone.
        away = side if rng.random() < 0.5 else -side
        first, last = gaps[0][1], gaps[-1][1]
        x = [(start - 3.0, -7.0), (start, first), *gaps, (end, last), (end + 3.0, SIGHT_M)]
        y = [
            (start, side * LANE_M),
            (start + 1.3, drift),
            (end - 1.3, -drift),
            (end, away * LANE_M),
        ]
    else:
        # We catch up with it, then it pulls away.
        x = [(start - 2.5, SIGHT_M), *gaps, (end + 2.5, SIGHT_M)]
        y = [(start, drift), (end, -drift)]
    return Mover(_car(rng), Curve(x), Curve(y))


def _crossing(start: float, end: float, rng: np.random.Generator) -> Mover:
    side = _side(rng)
    far = float(rng.uniform(16.5, 26.0))
    near = (
        float(rng.uniform(5.5, 9.5)) if rng.random() < 0.75 else float(rng.uniform(14.0, far - 1.0))
    )
    middle = (start + end) / 2
    x = [
        (start - 4.0, far + 40.0),
        (start, far + 0.5),
        (start + 2.0, far),
        (middle, near + 0.5),
        (end, near),
        (end + 3.0, -6.0),
    ]
    step_in, step_out = 1.0 * side, -1.0 * side
    y = [
        (start, PAVEMENT_M * side),
        (start + 2.0, step_in),
        (end - 2.0, step_out),
        (end, -PAVEMENT_M * side),
    ]
    return Mover(_person(rng), Curve(x), Curve(y))


def _bystanders(start: float, end: float, side: float, rng: np.random.Generator) -> list[Mover]:
    # Traffic that is in sight of an open corridor: in the next lane, or ahead but far off.
    passing = []
    if rng.random() < 0.6:
        path = [(start - 1.0, -7.0), (end + 1.0, SIGHT_M)]
        if rng.random() < 0.5:
            path = [(start - 1.0, SIGHT_M), (end + 1.0, -7.0)]
        passing.append(Mover(_car(rng), Curve(path), Curve([(start, -side * LANE_M)])))
    if rng.random() < 0.25:
        gap = float(rng.uniform(52.0, 70.0))
        path = [(start - 2.0, SIGHT_M), (start, gap), (end, gap), (end + 2.0, SIGHT_M)]
        passing.append(Mover(_car(rng), Curve(path), Curve([(start, 0.0)])))
    return passing


def _roadside(length_m: float, rng: np.random.Generator) -> list[Fixture]:
    fixtures = []
    along = 0.0
    while along < length_m:
        along += float(rng.uniform(6.0, 18.0))
        side = _side(rng)
        if rng.random() < 0.6:
            pole = Shape(POLE, 0.25, float(rng.uniform(4.0, 6.0)), 0.25, float(rng.random()))
            fixtures.append(Fixture(pole, along, side * float(rng.uniform(8.5, 9.5))))
        else:
            fixtures.append(Fixture(_person(rng), along, side * float(rng.uniform(6.4, 8.0))))
    return fixtures


def _odometer(
    duration_s: float, crossings: list[tuple[float, float, Curve]], cruise_m_s: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    # People cross the road, not move along it: while one does, our speed is what brings them near.
    count = int(duration_s * 10) + 3
    speed = np.full(count, cruise_m_s)
    for start, end, x in crossings:
        for index in range(max(0, int(start * 10)), min(count, int(end * 10))):
            time_s = index / 10
            speed[index] = (x.at(time_s) - x.at(time_s + 0.1)) / 0.1
    return np.concatenate([[0.0], np.cumsum(speed) / 10])


def _gap_m(rng: np.random.Generator) -> float:
    return float(rng.uniform(5.5, 10.0) if rng.random() < 0.5 else rng.uniform(14.0, 30.0))


def _car(rng: np.random.Generator) -> Shape:
    width, height, length = rng.uniform([1.7, 1.4, 3.9], [1.95, 1.75, 4.8])
    return Shape(CAR, float(width), float(height), float(length), float(rng.random()))


def _person(rng: np.random.Generator) -> Shape:
    width, height = rng.uniform([0.5, 1.6], [0.65, 1.9])
    return Shape(PEDESTRIAN, float(width), float(height), 0.4, float(rng.random()))


def _side(rng: np.random.Generator) -> float:
    return 1.0 if rng.random() < 0.5 else -1.0
