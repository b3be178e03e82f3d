"""How real objects, and things that are none, are detected again: from tracks over the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from workers.vehicle.fit.drives import Drives, run
from workers.vehicle.fit.labelling import NEITHER, REAL, label
from workers.vehicle.fit.logistic import fit_logistic
from workers.vehicle.kitti import CAMERA, LIDAR
from workers.vehicle.tracking import Observation, State, Tracker
from workers.vehicle.tracking.detections import Flags, Floats, Integers, Kind
from workers.vehicle.tracking.existence import features, hidden_share
from workers.vehicle.tracking.parameters import Detecting
from workers.vehicle.tracking.tracks import load

KIND_OF = {LIDAR: Kind.BOXES, CAMERA: Kind.IMAGE}
#: Where the data says little: a real object is seen again, clutter not, and neither depends on
#: anything else. The strength is in frames.
_REAL_PRIOR = np.array([1.0, 0.0, 0.0, 1.0, 0.5])
_CLUTTER_PRIOR = np.array([-2.0, 0.0, 0.0, 1.0, 0.5])
_STRENGTH = 20.0


class _Events:
    """Features, class, whether real and whether seen again, of all tracks in all frames."""

    def __init__(self, drives: Drives, focal_px: float, classes: int) -> None:
        self._drives, self._focal_px, self._classes = drives, focal_px, classes
        self.rows: dict[Kind, list[tuple[Floats, Integers, Flags, Flags]]] = {
            kind: [] for kind in KIND_OF.values()
        }

    def watch(
        self, frame: int, names: Sequence[str], before: Sequence[State], after: Sequence[State]
    ) -> None:
        tracks, later = load(before), load(after)
        if not len(tracks):
            return
        classes = tracks.classes[:, : self._classes].argmax(axis=1)
        verdict = np.full(len(tracks), NEITHER, np.int64)
        for session, name in enumerate(names):
            mine = np.flatnonzero((tracks.session == session) & (tracks.camera != 0))
            truth = self._drives.truths[name]
            found = label(truth, np.full(len(mine), frame - 1), classes[mine], tracks.edge[mine])
            now = truth.number[truth.frame == frame]
            left = (found.verdict == REAL) & ~np.isin(truth.number[found.match], now)
            verdict[mine] = np.where(left, NEITHER, found.verdict)
        # A track is its session and number; what was given up is not there later: not seen.
        key, later_key = ((each.session << 40) + each.number for each in (tracks, later))
        at = np.minimum(np.searchsorted(later_key, key), max(len(later_key) - 1, 0))
        kept = later_key[at] == key if len(later_key) else np.zeros(len(key), np.bool_)
        hidden, told = hidden_share(tracks), np.flatnonzero(verdict != NEITHER)
        for kind, rows in self.rows.items():
            again = np.zeros(len(tracks), np.bool_)
            again[kept] = (later.again[at[kept]] & (1 << kind)) != 0
            seen = features(tracks, told, kind, hidden, self._focal_px)
            rows.append((seen, classes[told], verdict[told] == REAL, again[told]))


def fit_detecting(
    tracker: Tracker, drives: Drives, observations: Mapping[str, Sequence[Observation]]
) -> dict[tuple[Kind, int], dict[str, Detecting]]:
    """``real`` and ``clutter`` of each kind of sensor and class, as the tracker's tracks show."""
    parameters = tracker.parameters
    events = _Events(drives, parameters.focal_px, len(parameters.classes))
    run(tracker, observations, events.watch)
    fitted = {}
    for kind, rows in events.rows.items():
        seen, classes, real, again = (np.concatenate(each) for each in zip(*rows, strict=True))
        for index in range(len(parameters.classes)):
            fitted[kind, index] = {
                name: _fit(seen[of], again[of], prior)
                for name, of, prior in (
                    ("real", (classes == index) & real, _REAL_PRIOR),
                    ("clutter", (classes == index) & ~real, _CLUTTER_PRIOR),
                )
            }
    return fitted


def _fit(seen: Floats, again: Flags, prior: Floats) -> Detecting:
    weights = fit_logistic(seen, again.astype(np.float64), prior=prior, strength=_STRENGTH)
    names = ("base", "size", "hidden", "again", "ever")
    return Detecting(**dict(zip(names, map(float, weights), strict=True)))
