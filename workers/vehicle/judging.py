"""How many of the labelled objects of a frame were found, and how many findings were none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Floats = NDArray[np.float64]

#: nuScenes' widest bound on the distance of centres but one; about half a car.
NEAR_M = 2.0
#: KITTI's bound on the overlap of pedestrians; of cars it is 0.7, which asks for whole boxes.
OVERLAP = 0.5
#: A finding lies in a region if so much of it does.
_INSIDE = 0.5


@dataclass(frozen=True, slots=True)
class Score:
    """``found`` of ``labelled`` objects; ``wrong`` findings besides."""

    labelled: int = 0
    found: int = 0
    wrong: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(
            self.labelled + other.labelled, self.found + other.found, self.wrong + other.wrong
        )

    @property
    def recall(self) -> float:
        """Share of the labelled objects that were found, 0 where there were none."""
        return self.found / max(1, self.labelled)

    @property
    def precision(self) -> float:
        """Share of the findings that are labelled objects, 0 where there were none."""
        return self.found / max(1, self.found + self.wrong)


def score(closeness: Floats, least: float, ignored: NDArray[np.bool_]) -> Score:
    """Assign findings to labels, as many as may be and the closest ones, one to one.

    ``closeness``: float64 (labels, findings); a pair below ``least`` is none. ``ignored``: which
    findings do not count where they are left over, bool (findings,).
    """
    labels, findings = closeness.shape
    fits = closeness >= least
    # A pair that fits is worth more than any closeness among all of them.
    worth = np.where(fits, 1.0 + _unit(closeness) / (1.0 + min(labels, findings)), 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    good = fits[rows, columns]
    used = np.zeros(findings, np.bool_)
    used[columns[good]] = True
    return Score(labels, int(good.sum()), int((~used & ~ignored).sum()))


def _unit(values: Floats) -> Floats:
    """Values from 0 to 1, in the same order."""
    if not values.size:
        return values
    low, high = values.min(), values.max()
    return np.asarray((values - low) / max(high - low, 1e-12), np.float64)


def nearness(labels: Floats, findings: Floats) -> Floats:
    """Minus the distance of centres over the road, metres (labels, findings), of boxes (n, 7)."""
    apart = labels[:, None, :2] - findings[None, :, :2]
    return np.asarray(-np.hypot(apart[..., 0], apart[..., 1]), np.float64)


def overlaps(first: Floats, second: Floats) -> Floats:
    """Intersection over union of spans (n, 4) and (m, 4), (n, m)."""
    common = _common(first, second)
    union = _area(first)[:, None] + _area(second)[None] - common
    return np.asarray(common / np.maximum(union, 1e-9), np.float64)


def inside(findings: Floats, regions: Floats) -> NDArray[np.bool_]:
    """Which spans (n, 4) lie mostly in one of the regions (m, 4); those that are NaN do not."""
    share = _common(findings, regions) / np.maximum(_area(findings), 1e-9)[:, None]
    return np.asarray((share > _INSIDE).any(axis=1), np.bool_)


def _area(spans: Floats) -> Floats:
    return np.asarray(np.maximum(spans[:, 2:] - spans[:, :2], 0.0).prod(axis=1), np.float64)


def _common(first: Floats, second: Floats) -> Floats:
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    return np.asarray(np.maximum(high - low, 0.0).prod(axis=2), np.float64)
