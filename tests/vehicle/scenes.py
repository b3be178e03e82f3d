"""Made-up drives: objects that move straight, and what lidar, camera and radar see of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from workers.vehicle.tracking import (
    BoxList,
    EgoMotion,
    ImageList,
    Objects,
    Observation,
    RadarList,
    SensorList,
    State,
    Tracker,
)
from workers.vehicle.tracking.detections import Floats

FRAME_US = 100_000
FOCAL_PX = 720.0
CAR = np.array([4.0, 1.8, 1.5])


def image_of(boxes: Floats) -> Floats:
    """A camera at the origin, looking along x: boxes (n, 7) to (n, 4)."""
    x, y, z, _, width, height, _ = boxes.T
    return np.stack(
        [
            600 - FOCAL_PX * (y + width / 2) / x,
            180 - FOCAL_PX * (z + height / 2) / x,
            600 - FOCAL_PX * (y - width / 2) / x,
            180 - FOCAL_PX * (z - height / 2) / x,
        ],
        axis=1,
    )


class Scene:
    """``count`` cars ahead, at velocities relative to the ego car. A seed is a scene."""

    def __init__(self, seed: int = 0, count: int = 4) -> None:
        self.noise = np.random.default_rng(seed)
        lanes = np.arange(count) * 4.0 - 2.0 * count
        self.start = np.stack([self.noise.uniform(15, 40, count), lanes, np.full(count, -0.9)], 1)
        self.velocity = np.stack(
            [self.noise.uniform(-1, 6, count), np.zeros(count), np.zeros(count)], 1
        )

    def boxes(self, frame: int) -> Floats:
        """Where the cars are (n, 7)."""
        place = self.start + self.velocity * frame * FRAME_US / 1e6
        return np.concatenate([place, np.tile(CAR, (len(place), 1)), np.zeros((len(place), 1))], 1)

    def lidar(self, frame: int, *, image: bool = True) -> BoxList:
        boxes = self.boxes(frame)
        seen = boxes.copy()
        seen[:, :2] += self.noise.normal(0, 0.1, (len(boxes), 2))
        scores = self.noise.uniform(0.8, 0.99, len(boxes))
        classes = np.zeros(len(boxes), np.int64)
        at = frame * FRAME_US
        if not image:
            return BoxList("lidar", at, seen, scores, classes)
        return BoxList("lidar", at, seen, scores, classes, image_of(boxes), "camera")

    def camera(self, frame: int) -> ImageList:
        boxes = image_of(self.boxes(frame))
        seen = boxes + self.noise.normal(0, 0.5, boxes.shape)
        scores = self.noise.uniform(0.8, 0.99, len(boxes))
        return ImageList("camera", frame * FRAME_US, seen, scores, np.zeros(len(boxes), np.int64))

    def radar(self, frame: int) -> RadarList:
        boxes, n = self.boxes(frame), len(self.start)
        reach, angle = np.hypot(boxes[:, 0], boxes[:, 1]), np.arctan2(boxes[:, 1], boxes[:, 0])
        rate = self.velocity[:, 0] * np.cos(angle) + self.velocity[:, 1] * np.sin(angle)
        return RadarList(
            "radar",
            frame * FRAME_US,
            reach + self.noise.normal(0, 0.2, n),
            angle + self.noise.normal(0, 0.005, n),
            rate + self.noise.normal(0, 0.1, n),
            np.full(n, 0.9),
        )

    def observation(self, frame: int, ego: EgoMotion | None = None) -> Observation:
        """All three sensors."""
        lists: list[SensorList] = [self.lidar(frame), self.camera(frame), self.radar(frame)]
        return Observation(frame * FRAME_US, lists, ego)


def shuffled(observation: Observation, seed: int) -> Observation:
    """The same detections and lists in another order."""
    order = np.random.default_rng(seed)
    lists: list[SensorList] = []
    for each in observation.lists:
        rows = order.permutation(len(each.scores))
        values: dict[str, Any] = {
            name: value[rows] if isinstance(value, np.ndarray) else value
            for name, value in ((n, getattr(each, n)) for n in each.__dataclass_fields__)
        }
        lists.append(type(each)(**values))
    mixed = [lists[at] for at in order.permutation(len(lists))]
    return Observation(observation.time_us, mixed, observation.ego)


def drive(
    tracker: Tracker, observations: list[Observation], state: State | None = None
) -> tuple[State, list[Objects]]:
    """One session through all of them: the last state, and the objects of each."""
    state, told = state or State(), []
    for each in observations:
        (state,), (objects,) = tracker.step([state], [each])
        told.append(objects)
    return state, told


def same(one: Objects, other: Objects) -> bool:
    """Whether two are equal to the bit."""
    return all(
        np.array_equal(a, b, equal_nan=a.dtype.kind == "f") if isinstance(a, np.ndarray) else a == b
        for a, b in (
            (getattr(one, name), getattr(other, name)) for name in one.__dataclass_fields__
        )
    )
