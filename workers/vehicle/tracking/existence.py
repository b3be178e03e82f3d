"""How sure it is that a track is of something real, and of which class: Bayes, in log odds.

A sensor detects a real object again with one probability, and what it once took for an object
with another; each list multiplies the odds by their ratio (Musicki, Evans: Joint integrated
probabilistic data association, 2004), and a detection's score counts besides.
"""

from __future__ import annotations

import numpy as np

from workers.vehicle.tracking.detections import Floats, Integers, Kind
from workers.vehicle.tracking.geometry import area, intersection, pairs
from workers.vehicle.tracking.tables import SensorTable
from workers.vehicle.tracking.tracks import Tracks

#: Height in pixels at which the feature ``size`` is 0.
_MIDDLE_HEIGHT_PX = 50.0
#: No class is ruled out for good.
_LEAST_LOG = -12.0


def features(tracks: Tracks, rows: Integers, kind: Kind, hidden: Floats, focal_px: float) -> Floats:
    """What detection depends on (m, 5): 1, size, hidden, again, ever."""
    height = np.clip(tracks.height_px(focal_px)[rows], 5.0, 1_000.0)
    bit = 1 << kind
    return np.stack(
        [
            np.ones(len(rows)),
            np.log(height / _MIDDLE_HEIGHT_PX),
            hidden[rows],
            ((tracks.again[rows] & bit) != 0).astype(np.float64),
            ((tracks.ever[rows] & bit) != 0).astype(np.float64),
        ],
        axis=1,
    )


def gain_of_looking(
    table: SensorTable, classes: Integers, found: Floats, seen: Floats
) -> tuple[Floats, Floats]:
    """What a list adds to the log odds of tracks of ``classes`` (m,) that are seen in it, and of
    those that are not; ``seen`` (m, 5) are their features, ``found`` (m,) the evidence of the
    detections.
    """
    real = _weighted(table.real[classes], seen)
    clutter = _weighted(table.clutter[classes], seen)
    # log sigmoid(x) = -log(1 + e^-x), and log(1 - sigmoid(x)) = -log(1 + e^x).
    hit = np.logaddexp(0.0, -clutter) - np.logaddexp(0.0, -real)
    miss = np.logaddexp(0.0, clutter) - np.logaddexp(0.0, real)
    return hit + table.trust[classes] * (found - table.base_rate[classes]), miss


def _weighted(weights: Floats, seen: Floats) -> Floats:
    total = weights[:, 0] * seen[:, 0]
    for column in range(1, seen.shape[1]):
        total = total + weights[:, column] * seen[:, column]
    return total


def survived(existence: Floats, dt_s: Floats, turnover_s: Floats) -> Floats:
    """Log odds after ``dt_s`` (n,) of which nothing is known."""
    left = np.exp(-dt_s / turnover_s)
    # With p = 1 / (1 + e^-L): p·left / (1 - p·left) = left / (e^-L + 1 - left).
    return np.log(left) - np.log(np.exp(-existence) + (1.0 - left))


def told_class(
    logs: Floats, classes: Integers, evidence: Floats, error: float, count: int
) -> Floats:
    """Log probabilities of classes (m, MAX_CLASSES) after detections of ``classes`` (m,).

    A detection that is likely to be no object (``evidence``, log odds) says little of its class.
    """
    certain = 1.0 / (1.0 + np.exp(-evidence))[:, None]
    report = np.full((len(classes), count), error / max(count - 1, 1))
    report[np.arange(len(classes)), classes] = 1.0 - error if count > 1 else 1.0
    updated = logs[:, :count] + np.log(certain * report + (1.0 - certain) / count)
    updated -= updated.max(axis=1, keepdims=True)
    total = np.exp(updated[:, 0])
    for column in range(1, count):
        total = total + np.exp(updated[:, column])
    result = logs.copy()
    result[:, :count] = np.maximum(updated - np.log(total)[:, None], _LEAST_LOG)
    return result


def hidden_share(tracks: Tracks) -> Floats:
    """Share (n,) of each track's image box that the box of a nearer track covers, the largest.

    Nearer is who stands lower in the image, where there is no place for both of them.
    """
    hidden = np.zeros(len(tracks))
    shown = np.flatnonzero((tracks.camera != 0) & (tracks.existence > 0))
    rows, others = pairs(tracks.session, tracks.session[shown])
    others = shown[others]
    kept = (tracks.camera[rows] == tracks.camera[others]) & (rows != others)
    rows, others = rows[kept], others[kept]
    covered = intersection(tracks.edge[rows], tracks.edge[others])
    kept = covered > 0
    rows, others, covered = rows[kept], others[kept], covered[kept]
    distance = np.hypot(tracks.mean[:, 0], tracks.mean[:, 1])
    nearer = np.where(
        tracks.placed[rows] & tracks.placed[others],
        distance[others] < distance[rows],
        tracks.edge[others, 3] > tracks.edge[rows, 3],
    )
    share = covered / np.maximum(area(tracks.edge[rows]), 1.0)
    np.maximum.at(hidden, rows[nearer], share[nearer])
    return hidden
