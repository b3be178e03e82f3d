"""Which boxes are of real objects: matched with the truth of their frame, in the image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from workers.vehicle.kitti import CLASSES, Truth
from workers.vehicle.tracking.detections import Floats, Integers
from workers.vehicle.tracking.geometry import area, intersection, overlap

#: Labels that are about the class, but not quite: a box on one is neither right nor wrong.
_ALIKE = {"Car": ("Van", "Truck", "Misc", "Tram"), "Pedestrian": ("Person", "Cyclist")}
#: A lower box is not looked at by KITTI's rules; nor is one that lies so far in a DontCare region.
_LEAST_HEIGHT_PX = 25.0
_LEAST_COVERED = 0.5
_LEAST_OVERLAP = 0.5

REAL, WRONG, NEITHER = 1, 0, -1


@dataclass(frozen=True, slots=True)
class Labelled:
    """Of n boxes: ``verdict`` (n,) REAL, WRONG or NEITHER; ``match`` (n,): row of the truth that
    each is on, -1 for none.
    """

    verdict: Integers
    match: Integers


def label(truth: Truth, frames: Integers, classes: Integers, boxes: Floats) -> Labelled:
    """Label boxes of a sequence: ``frames`` (n,) ascending, ``classes`` (n,), ``boxes`` (n, 4)."""
    verdict = np.full(len(frames), WRONG, np.int64)
    match = np.full(len(frames), -1, np.int64)
    for index, name in enumerate(CLASSES):
        of_class = np.flatnonzero(classes == index)
        for rows, there in _by_frame(truth, frames, of_class):
            theirs = there[np.isin(truth.kind[there], (name, *_ALIKE[name]))]
            left, right = _matched(boxes[rows], truth.image[theirs])
            mine, on = rows[left], theirs[right]
            match[mine] = on
            plain = (truth.kind[on] == name) & (truth.occluded[on] <= 2) & (truth.truncated[on] < 1)
            verdict[mine] = np.where(plain, REAL, NEITHER)
            others = np.setdiff1d(rows, mine)
            regions = truth.image[there[truth.kind[there] == "DontCare"]]
            verdict[others[_not_looked_at(boxes[others], regions)]] = NEITHER
    return Labelled(verdict, match)


def _by_frame(
    truth: Truth, frames: Integers, rows: Integers
) -> Iterator[tuple[Integers, Integers]]:
    for frame in np.unique(frames[rows]):
        begin, end = np.searchsorted(truth.frame, (frame, frame + 1))
        yield rows[frames[rows] == frame], np.arange(begin, end)


def _matched(mine: Floats, theirs: Floats) -> tuple[Integers, Integers]:
    if not len(mine) or not len(theirs):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    left, right = np.indices((len(mine), len(theirs))).reshape(2, -1)
    table = overlap(mine[left], theirs[right]).reshape(len(mine), len(theirs))
    table[table < _LEAST_OVERLAP] = 0.0
    rows, columns = linear_sum_assignment(-table)
    found = table[rows, columns] > 0
    return rows[found], columns[found]


def _not_looked_at(boxes: Floats, regions: Floats) -> Integers:
    low = boxes[:, 3] - boxes[:, 1] <= _LEAST_HEIGHT_PX
    if not len(regions):
        return np.flatnonzero(low)
    left, right = np.indices((len(boxes), len(regions))).reshape(2, -1)
    covered = intersection(boxes[left], regions[right]).reshape(len(boxes), len(regions))
    share = covered.max(axis=1, initial=0.0) / np.maximum(area(boxes), 1.0)
    return np.flatnonzero(low | (share > _LEAST_COVERED))
