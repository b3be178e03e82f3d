"""The tracks of all sessions of a batch, laid end to end, while a step works on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.vehicle.tracking.detections import Flags, Floats, Integers
from workers.vehicle.tracking.state import MAX_CLASSES, TRACK, UPPER, State

#: How a step holds what ``TRACK`` keeps, the covariance apart.
_COLUMNS: dict[type[np.generic], tuple[str, ...]] = {
    np.int64: ("number", "born_us", "seen_us", "camera", "status", "ever", "again"),
    np.float64: (
        *("mean", "size", "size_var", "yaw", "yaw_var"),
        *("edge", "rate", "edge_var", "existence", "classes"),
    ),
    np.bool_: ("placed",),
}


@dataclass(slots=True)
class Tracks:
    """n tracks, ascending by (session, number); every array is (n, …), contiguous, and in double
    precision where it holds no whole numbers.

    ``session``: index in the batch. ``number``: of the track in its session. ``born_us``,
    ``seen_us``: event time of the first and the newest detection. ``mean`` (n, 6) and
    ``covariance`` (n, 6, 6): position and velocity, where ``placed``. ``size`` (n, 3): length,
    width, height, each with variance ``size_var``. ``edge`` (n, 4), ``rate`` (n, 4): x1, y1, x2,
    y2 in the image of ``camera`` (0: none) and their pixels per second, with variances and
    covariance ``edge_var`` (n, 4, 3): edge, edge and rate, rate. ``existence``: log odds.
    ``classes`` (n, MAX_CLASSES): log probabilities. ``status``: a ``Status``. ``ever``,
    ``again``: a bit for each kind of sensor that has seen the track, and did in its newest list.
    ``support``: a bit for each list of this step that did.
    """

    session: Integers
    number: Integers
    born_us: Integers
    seen_us: Integers
    mean: Floats
    covariance: Floats
    size: Floats
    size_var: Floats
    yaw: Floats
    yaw_var: Floats
    edge: Floats
    rate: Floats
    edge_var: Floats
    camera: Integers
    existence: Floats
    classes: Floats
    placed: Flags
    status: Integers
    ever: Integers
    again: Integers
    support: Integers

    def __len__(self) -> int:
        return len(self.session)

    def taken(self, rows: Integers | Flags) -> Tracks:
        """The tracks at these rows, or where these are set."""
        return Tracks(*(getattr(self, each.name)[rows] for each in fields(self)))

    def put(self, rows: Integers, others: Tracks) -> None:
        """Set the tracks at these rows to the others, one for one."""
        for each in fields(self):
            getattr(self, each.name)[rows] = getattr(others, each.name)

    def joined(self, others: Tracks) -> Tracks:
        """These and the others, by session and number again."""
        both = Tracks(
            *(
                np.concatenate([getattr(self, each.name), getattr(others, each.name)])
                for each in fields(self)
            )
        )
        return both.taken(np.lexsort((both.number, both.session)))

    def height_px(self, focal_px: float) -> Floats:
        """How high each is in the image, pixels, or would be where only its place is known."""
        distance = np.hypot(self.mean[:, 0], self.mean[:, 1])
        seen = np.maximum(self.edge[:, 3] - self.edge[:, 1], 1.0)
        thought = focal_px * self.size[:, 2] / np.maximum(distance, 1.0)
        return np.where(self.camera != 0, seen, thought)


def load(states: Sequence[State]) -> Tracks:
    """The tracks of the states; a state's place in the sequence is its ``session``."""
    rows = np.concatenate([state.tracks for state in states]) if states else np.zeros(0, TRACK)
    session = np.repeat(np.arange(len(states)), [len(state.tracks) for state in states])
    upper = rows["upper"].astype(np.float64)
    covariance = np.zeros((len(rows), 6, 6))
    covariance[:, UPPER[0], UPPER[1]] = upper
    covariance[:, UPPER[1], UPPER[0]] = upper
    plain: dict[str, Any] = {
        name: rows[name].astype(kind) for kind, names in _COLUMNS.items() for name in names
    }
    return Tracks(
        session=session, covariance=covariance, support=np.zeros(len(rows), np.int64), **plain
    )


def store(tracks: Tracks, sessions: int) -> list[NDArray[np.void]]:
    """Rows of ``TRACK`` for each of at least one session, rounded to single precision."""
    rows = np.zeros(len(tracks), TRACK)
    for name in TRACK.names or ():
        if name != "upper":
            rows[name] = getattr(tracks, name)
    rows["upper"] = tracks.covariance[:, UPPER[0], UPPER[1]]
    return list(np.split(rows, np.searchsorted(tracks.session, np.arange(1, sessions))))


def blank(n: int) -> Tracks:
    """n tracks of session 0 that nothing is known of."""
    return Tracks(
        session=np.zeros(n, np.int64),
        number=np.zeros(n, np.int64),
        born_us=np.zeros(n, np.int64),
        seen_us=np.zeros(n, np.int64),
        mean=np.zeros((n, 6)),
        covariance=np.zeros((n, 6, 6)),
        size=np.zeros((n, 3)),
        size_var=np.ones(n),
        yaw=np.zeros(n),
        yaw_var=np.ones(n),
        edge=np.zeros((n, 4)),
        rate=np.zeros((n, 4)),
        edge_var=np.zeros((n, 4, 3)),
        camera=np.zeros(n, np.int64),
        existence=np.zeros(n),
        classes=np.zeros((n, MAX_CLASSES)),
        placed=np.zeros(n, np.bool_),
        status=np.zeros(n, np.int64),
        ever=np.zeros(n, np.int64),
        again=np.zeros(n, np.int64),
        support=np.zeros(n, np.int64),
    )
