"""A sweep as the object list that a smart lidar would have sent."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas.payloads import DetectedObject
from schemas.perception import LidarClusters
from workers.vehicle.lidar.boxes import fit_box
from workers.vehicle.lidar.clusters import ClusterRules, clusters
from workers.vehicle.lidar.ground import GroundRules, ground_height
from workers.vehicle.lidar.kinds import guess

#: What a list holds at most, the nearest objects first.
MAX_OBJECTS = 256
#: Lengths and scores are told to so many decimals: a millimetre.
_DECIMALS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRules:
    """How objects are found in a sweep. Those of a lower score than ``least_score`` are left out,
    and those of no known kind unless ``unknown``.
    """

    ground: GroundRules = field(default_factory=GroundRules)
    clusters: ClusterRules = field(default_factory=ClusterRules)
    least_score: float = 0.0
    unknown: bool = False


def rules_of(spec: LidarClusters) -> SweepRules:
    """The rules that a pipeline file gives."""
    return SweepRules(
        ground=GroundRules(sensor_height_m=spec.sensor_height_m, max_range_m=spec.max_range_m),
        clusters=ClusterRules(
            cell_m=spec.cell_m, least_points=spec.least_points, max_range_m=spec.max_range_m
        ),
        least_score=spec.min_score,
        unknown=spec.unknown,
    )


def objects_of(points: NDArray[np.float32], rules: SweepRules) -> list[DetectedObject]:
    """Objects in a sweep, nearest first, in the sweep's own frame.

    ``points``: float32 (n, 3 or more), x forward, y left, z up in metres, the lidar at the origin.
    The class is the likeliest kind by size, the score how likely it is that rather than anything
    else. An object of no known kind is ``unknown``, with the box of what was seen of it.
    """
    places = points[:, :3].astype(np.float64)
    ground_m = ground_height(places, rules.ground)
    above_m = places[:, 2] - ground_m
    standing = (above_m > rules.ground.margin_m) & (above_m < rules.clusters.max_height_m)
    places, ground_m = places[standing], ground_m[standing]
    found = []
    for group in clusters(places, rules.clusters):
        seen = fit_box(places[group], float(np.median(ground_m[group])))
        best = guess(seen)
        score = best.probabilities[best.kind]
        if best.kind == "other" and not rules.unknown:
            continue
        if score >= rules.least_score:
            kind = "unknown" if best.kind == "other" else best.kind
            numbers = [round(value, _DECIMALS) for value in best.box]
            found.append(DetectedObject(kind, round(score, _DECIMALS), box3d=numbers))
    kept = _outermost(found)
    kept.sort(key=lambda item: math.hypot(*_box(item)[:2]))
    return kept[:MAX_OBJECTS]


def _box(item: DetectedObject) -> list[float]:
    assert item.box3d is not None
    return item.box3d


def _outermost(found: list[DetectedObject]) -> list[DetectedObject]:
    """Without what has its middle in the box of a surer object: seats behind a window, a mirror."""
    kept: list[DetectedObject] = []
    for item in sorted(found, key=lambda each: -each.score):
        x, y = _box(item)[:2]
        if not any(_covers(_box(other), x, y) for other in kept):
            kept.append(item)
    return kept


def _covers(box: list[float], x: float, y: float) -> bool:
    dx, dy, cos, sin = x - box[0], y - box[1], np.cos(box[6]), np.sin(box[6])
    along, across = dx * cos + dy * sin, dy * cos - dx * sin
    return bool(abs(along) <= box[3] / 2.0 and abs(across) <= box[4] / 2.0)
