"""All sessions of a step: their clocks, the cars' motion, the lists that are taken in together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from workers.vehicle.tracking.detections import (
    Detections,
    Flags,
    Floats,
    ImageList,
    Integers,
    Kind,
    Observation,
    RadarList,
    SensorList,
    camera_id,
    gather,
    in_order,
    kind_of,
)
from workers.vehicle.tracking.state import State

#: Lists of one session in a step: a bit each in ``Tracks.support``.
MAX_LISTS = 62


@dataclass(frozen=True, slots=True)
class Look:
    """One list of each of some sessions; arrays by session of the batch.

    ``active``: which sessions have one. ``times_us``: when it was seen, and ``lag_s``: by how much
    that is before what the session's tracks hold for. ``bits``: the list's in ``Tracks.support``.
    ``cameras``: the id of the camera in whose image its boxes are, 0 for none. ``ego``
    (sessions, 3): velocity along x and y and yaw rate, of which range rates have to be rid.
    """

    detections: Detections
    active: Flags
    times_us: Integers
    lag_s: Floats
    bits: Integers
    cameras: Integers
    ego: Floats


class Batch:
    """Arrays by session: ``times_us``, ``next_number``, ``over_ground``, ``speed_mps`` and
    ``yaw_rate_radps``; ``sensors`` names each session's lists in the order in which they are taken.

    Raises ``ValueError`` for an observation of more than ``MAX_LISTS`` lists.
    """

    def __init__(self, states: Sequence[State], observations: Sequence[Observation]) -> None:
        self.lists = [in_order(each.lists) for each in observations]
        most = max((len(each) for each in self.lists), default=0)
        if most > MAX_LISTS:
            raise ValueError(f"expected at most {MAX_LISTS} lists a session, got {most}")
        self.sensors = [tuple(each.sensor for each in lists) for lists in self.lists]
        starts = [self._start(state, at) for at, state in enumerate(states)]
        self.times_us = np.array(
            [
                start if state.time_us is None else state.time_us
                for state, start in zip(states, starts, strict=True)
            ],
            np.int64,
        )
        self.wanted_us = np.array([each.time_us for each in observations], np.int64)
        self.next_number = np.array([state.next_number for state in states], np.int64)
        self.was_over_ground = np.array([state.over_ground for state in states], np.bool_)
        self.over_ground = np.array([each.ego is not None for each in observations], np.bool_)
        before = np.array([state.speed_mps for state in states], np.float64)
        given = [(e.ego.speed_mps, e.ego.yaw_rate_radps) if e.ego else None for e in observations]
        self.speed_mps = np.array(
            [one[0] if one else old for one, old in zip(given, before, strict=True)], np.float64
        )
        self.yaw_rate_radps = np.array([one[1] if one else 0.0 for one in given], np.float64)

    def _start(self, state: State, session: int) -> int:
        lists = self.lists[session]
        return lists[0].time_us if lists else 0

    def _ego(self) -> Floats:
        speed = np.where(self.over_ground, self.speed_mps, 0.0)
        turning = np.where(self.over_ground, self.yaw_rate_radps, 0.0)
        return np.stack([speed, np.zeros(len(speed)), turning], axis=1)

    def looks(self) -> Iterator[Look]:
        """The n-th lists of all sessions come together, those of one kind at a time.

        ``times_us`` is moved on to a look's times before the next one is asked for.
        """
        most = max((len(each) for each in self.lists), default=0)
        for index in range(most):
            taken: dict[Kind, tuple[list[int], list[SensorList]]] = {}
            for session, lists in enumerate(self.lists):
                if index < len(lists):
                    sessions, same = taken.setdefault(kind_of(lists[index]), ([], []))
                    sessions.append(session)
                    same.append(lists[index])
            for kind in sorted(taken):
                yield self._look(index, kind, *taken[kind])

    def _look(
        self, index: int, kind: Kind, sessions: list[int], lists: Sequence[SensorList]
    ) -> Look:
        times, count = self.times_us.copy(), len(self.times_us)
        times[sessions] = [each.time_us for each in lists]
        active, cameras = np.zeros(count, np.bool_), np.zeros(count, np.int64)
        active[sessions] = True
        cameras[sessions] = [_image(each) for each in lists]
        return Look(
            detections=gather(kind, sessions, lists),
            active=active,
            times_us=times,
            lag_s=np.maximum(self.times_us - times, 0) / 1e6,
            bits=np.full(count, 1 << index, np.int64),
            cameras=cameras,
            ego=self._ego(),
        )


def _image(each: SensorList) -> int:
    """In which camera's image a list can be compared with tracks; an empty list has all boxes."""
    if isinstance(each, ImageList):
        return camera_id(each.sensor)
    if isinstance(each, RadarList) or (each.image_boxes is None and len(each.scores)):
        return 0
    return camera_id(each.camera)
