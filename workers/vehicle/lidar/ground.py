"""Which returns of a sweep are the ground.

After M. Himmelsbach, F. v. Hundelshausen, H.-J. Wuensche, *Fast segmentation of 3D point clouds for
ground vehicles*, IEEE Intelligent Vehicles Symposium 2010: the plane is cut into sectors and the
sectors into bins of range; the lowest return of a bin stands for it, and the ground is followed
outwards as long as it does not rise more than a road does. Simpler than there: the ground is
followed from bin to bin, by all sectors at once, in place of fitting lines to a sector.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: A return's own error.
_NOISE_M = 0.05
#: Share of a new slope in the one that is followed.
_HASTE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundRules:
    """``sensor_height_m``: of the lidar over the road, at which the ground is looked for first.
    ``max_slope``: rise over run of a road, 0.15 being steeper than roads are allowed to be.
    ``margin_m``: what lies so little above the ground is taken for it.
    """

    sensor_height_m: float = 1.73
    max_slope: float = 0.15
    margin_m: float = 0.25
    sectors: int = 180
    bin_m: float = 0.75
    max_range_m: float = 80.0
    #: How far ground may be from where it is expected after a stretch without any.
    tolerance_m: float = 0.5


def ground_height(points: Floats, rules: GroundRules) -> Floats:
    """Height of the ground under each point, float64 (n,), metres in the points' frame.

    ``points``: float64 (n, 3), x forward, y left, z up, the sensor at the origin.
    """
    distance = np.hypot(points[:, 0], points[:, 1])
    turn = np.arctan2(points[:, 1], points[:, 0]) / (2.0 * np.pi) + 0.5
    sector = np.minimum((turn * rules.sectors).astype(np.int64), rules.sectors - 1)
    bins = int(np.ceil(rules.max_range_m / rules.bin_m))
    # Cut before it is made an integer: drivers write 3e38 for a beam that did not come back.
    ring = np.minimum(distance / rules.bin_m, bins - 1).astype(np.int64)
    lowest = np.full((rules.sectors, bins), np.inf)
    np.minimum.at(lowest, (sector, ring), points[:, 2])
    surface = _follow(lowest, rules)
    heights: Floats = surface[sector, ring]
    return heights


def _follow(lowest: Floats, rules: GroundRules) -> Floats:
    """The ground's height in every bin, from the lowest return of each, (sectors, bins)."""
    surface = np.empty_like(lowest)
    height = np.full(len(lowest), -rules.sensor_height_m)
    slope = np.zeros(len(lowest))
    #: Bins since ground was seen last: the farther, the more it may have risen or fallen since.
    blind = np.zeros(len(lowest))
    for ring in range(lowest.shape[1]):
        slack = np.minimum(rules.max_slope * rules.bin_m * (blind + 1.0), rules.tolerance_m)
        expected = height + slope * rules.bin_m
        found = lowest[:, ring]
        seen = np.abs(found - expected) <= slack + _NOISE_M
        risen = np.where(seen, found - height, 0.0) / (rules.bin_m * (blind + 1.0))
        steeper = np.clip(risen, -rules.max_slope, rules.max_slope) - slope
        slope = np.where(seen, slope + _HASTE * steeper, slope)
        height = np.where(seen, found, _beside(found, seen, expected))
        blind = np.where(seen, 0.0, blind + 1.0)
        surface[:, ring] = height
    return surface


def _beside(found: Floats, seen: NDArray[np.bool_], otherwise: Floats) -> Floats:
    """The mean height of ground seen in the sectors beside each, ``otherwise`` where there is none:
    a sector that a scanner's beams miss has the ground of those around it.
    """
    total, count = np.zeros(len(found)), np.zeros(len(found))
    for shift in (-2, -1, 1, 2):
        there = np.roll(seen, shift)
        total += np.where(there, np.roll(found, shift), 0.0)
        count += there
    return np.where(count > 0, total / np.maximum(count, 1.0), otherwise)


def above_ground(points: Floats, rules: GroundRules) -> NDArray[np.bool_]:
    """Which points, float64 (n, 3), stand on the ground rather than being of it, bool (n,)."""
    return points[:, 2] > ground_height(points, rules) + rules.margin_m
