"""Which of a radar's tracks stand still, told by their positions alone.

The car's way is reckoned from its speed and turning; a track stands where its place on the ground
does not move. What range rates say has no part in it, so that it can be held against them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: A track that is shorter says too little of its speed; a second at 20 returns a second.
LEAST_RETURNS = 20
#: Slower than walking: what stands, by a line through its places on the ground.
MOST_SPEED_MPS = 0.5
#: A track's number is another object's after so long, or so far.
_GAP_S, _JUMP_M = 0.2, 5.0


@dataclass(frozen=True, slots=True)
class Way:
    """Where the car was at each return, from where it was at the first: metres and radians."""

    x_m: Floats
    y_m: Floats
    heading: Floats


def reckon(times_s: Floats, speed_mps: Floats, yaw_rate_radps: Floats) -> Way:
    """The car's way by the trapezoidal rule; ``times_s`` ascending, arrays (n,)."""
    step = np.diff(times_s, prepend=times_s[0])

    def summed(rates: Floats) -> Floats:
        middles = (rates + np.concatenate([rates[:1], rates[:-1]])) / 2.0
        return np.asarray(np.cumsum(middles * step), np.float64)

    heading = summed(yaw_rate_radps)
    return Way(summed(speed_mps * np.cos(heading)), summed(speed_mps * np.sin(heading)), heading)


def on_ground(way: Way, x_m: Floats, y_m: Floats) -> Floats:
    """Places on the ground, float64 (n, 2), of returns ahead and to the left of the car."""
    cos, sin = np.cos(way.heading), np.sin(way.heading)
    return np.stack([way.x_m + x_m * cos - y_m * sin, way.y_m + x_m * sin + y_m * cos], axis=1)


def tracks(
    times_s: Floats, positions: Floats, addresses: Integers, begins: NDArray[np.bool_]
) -> list[Integers]:
    """Rows of each track of at least ``LEAST_RETURNS`` returns. One ends where the radar says so,
    after a gap, and where it jumps. ``positions``: (n, 2) in the car's frame.
    """
    found = []
    for address in np.unique(addresses):
        rows = np.flatnonzero(addresses == address)
        apart = np.diff(times_s[rows]) > _GAP_S
        apart |= begins[rows][1:]
        apart |= np.hypot(*np.diff(positions[rows], axis=0).T) > _JUMP_M
        found += np.split(rows, np.flatnonzero(apart) + 1)
    return [rows for rows in found if len(rows) >= LEAST_RETURNS]


def ground_speed(times_s: Floats, places: Floats, rows: Integers) -> float:
    """Speed in m/s of a track by a line through its places on the ground."""
    since = times_s[rows] - times_s[rows].mean()
    moved = places[rows] - places[rows].mean(axis=0)
    return float(np.hypot(*(since @ moved / (since @ since))))


def standing(times_s: Floats, places: Floats, among: Sequence[Integers]) -> list[Integers]:
    """Those of the tracks that stand."""
    return [rows for rows in among if ground_speed(times_s, places, rows) < MOST_SPEED_MPS]
