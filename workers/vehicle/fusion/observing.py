"""A window's features as the tracker's observation."""

from __future__ import annotations

import numpy as np

from streams.align.types import Window, WindowSample
from workers.vehicle.fusion.lists import Holds, Listing, unpack
from workers.vehicle.tracking import BoxList, EgoMotion, ImageList, Observation, RadarList
from workers.vehicle.tracking.batch import MAX_LISTS
from workers.vehicle.tracking.detections import SensorList


def observation(window: Window) -> Observation:
    """What the window's sensors gave; it holds for the newest list, or the window's end.

    Of more lists than the tracker takes the newest count. The vehicle's own motion is the newest
    reading.
    """
    lists: list[SensorList] = []
    ego: EgoMotion | None = None
    for sample in sorted(window.samples, key=lambda each: (each.start_us, each.sensor)):
        found = unpack(sample.feature)
        if found.holds is Holds.EGO:
            speed, yaw_rate = found.array()[-1].tolist()
            ego = EgoMotion(speed, yaw_rate)
        elif found.holds is not Holds.NOTHING:
            lists.append(_as_list(sample, found))
    lists = lists[-MAX_LISTS:]
    time_us = max((each.time_us for each in lists), default=window.end_us)
    return Observation(time_us, lists, ego)


def _as_list(sample: WindowSample, found: Listing) -> SensorList:
    rows = found.array()
    if found.holds is Holds.BOXES:
        image = rows[:, 7:11]
        return BoxList(
            sample.sensor,
            sample.start_us,
            rows[:, :7],
            rows[:, 11],
            rows[:, 12].astype(np.int64),
            None if np.isnan(image).all() else image,
            found.camera,
        )
    if found.holds is Holds.IMAGE:
        return ImageList(
            sample.sensor,
            sample.start_us,
            rows[:, :4],
            rows[:, 4],
            rows[:, 5].astype(np.int64),
        )
    ranges, bearings, rates, scores = rows.T
    return RadarList(sample.sensor, sample.start_us, ranges, bearings, rates, scores, found.mount)
