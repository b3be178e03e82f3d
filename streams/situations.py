"""How dangerous one object is by a rule of the pipeline file: seconds, metres, m/s². Pure.

Objects move on as they do for the moment: no acceleration, no turning. The vehicle's path is the
strip ahead of it, ``half_width_m`` to either side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from schemas.object_events import SituationKind
from schemas.objects import Kinematics, Shape, TrackedObject
from schemas.situations import (
    HardBrakingAhead,
    PedestrianInPath,
    SituationSpec,
    TimeToCollision,
)
from schemas.units import US_PER_S, to_us

#: (event time in µs, m/s), ascending.
Speeds = list[tuple[int, float]]
UNITS: Final[Mapping[SituationKind, Literal["s", "m", "m/s²"]]] = {
    "time_to_collision": "s",
    "pedestrian_in_path": "m",
    "hard_braking_ahead": "m/s²",
}


def measure(
    spec: SituationSpec, found: TrackedObject, speeds: Sequence[tuple[int, float]]
) -> float | None:
    """What the rule measures of an object, ``None`` where its situation does not hold."""
    place, shape = found.kinematics, found.shape
    if place is None or shape is None or found.existence_probability < spec.min_existence:
        return None
    if isinstance(spec, TimeToCollision):
        return _time_to_collision(spec, place, shape)
    if isinstance(spec, PedestrianInPath):
        return _in_path(spec, place, shape) if found.label in spec.classes else None
    return _braking(spec, place, shape, speeds)


def speed_mps(found: TrackedObject) -> float:
    """How fast an object moves ahead: over ground, or relative to the vehicle where the vehicle's
    own motion is not known; 0 where it has no place.
    """
    place = found.kinematics
    return 0.0 if place is None else (place.ground_velocity or place.velocity)[0]


def _time_to_collision(spec: TimeToCollision, place: Kinematics, shape: Shape) -> float | None:
    x, y, _ = place.position
    vx, vy, _ = place.velocity
    if x <= 0 or vx >= 0:
        return None
    seconds = max(0.0, x - shape.length / 2 - spec.length_m) / -vx
    in_path = abs(y + vy * seconds) <= spec.half_width_m + shape.width / 2
    return seconds if in_path and seconds < spec.below.total_seconds() else None


def _in_path(spec: PedestrianInPath, place: Kinematics, shape: Shape) -> float | None:
    x, y, _ = place.position
    if not 0.0 < x <= spec.within_m:
        return None
    soon_m = y + place.velocity[1] * spec.ahead.total_seconds()
    reach_m = spec.half_width_m + shape.width / 2
    crosses = min(y, soon_m) <= reach_m and max(y, soon_m) >= -reach_m
    return x if crosses else None


def _braking(
    spec: HardBrakingAhead, place: Kinematics, shape: Shape, speeds: Sequence[tuple[int, float]]
) -> float | None:
    x, y, _ = place.position
    in_path = abs(y) <= spec.half_width_m + shape.width / 2
    if not (in_path and 0.0 < x <= spec.within_m) or not speeds:
        return None
    now_us, now_mps = speeds[-1]
    long_ago = [each for each in speeds if each[0] <= now_us - to_us(spec.over)]
    if not long_ago:
        return None
    then_us, then_mps = long_ago[-1]
    braking = (then_mps - now_mps) / ((now_us - then_us) / US_PER_S)
    return braking if braking >= spec.deceleration_mps2 else None
