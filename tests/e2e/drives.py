"""Vehicles on a made-up road: lists of a lidar and a camera, with misses and false alarms."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline
from streams.feed.item import FeedItem
from tests.e2e.ways import START_US, Recording

STEP_US = 100_000
_CARS = 6


@dataclass(frozen=True)
class Drives(Recording):
    """Each session has cars that come and go; every tenth window lacks a sensor."""

    @functools.cached_property
    def pipeline(self) -> Pipeline:
        """The shipped pipeline, but no sensor counts as idle within the run."""
        tree = load_pipeline(self.name).model_dump(mode="json", exclude_unset=True)
        for spec in tree["inputs"].values():
            spec["idle_after"] = "60s"
        # Those that give nothing would be waited for as long.
        for name in ("radar", "ego"):
            del tree["inputs"][name], tree["objects"]["inputs"][name]
        return Pipeline.model_validate(tree)

    @functools.cached_property
    def items(self) -> list[FeedItem]:
        drives = [_drive(name, number, self._steps) for number, name in enumerate(self._names)]
        return sorted((item for drive in drives for item in drive), key=lambda item: item.due_us)

    @functools.cached_property
    def windows(self) -> int:
        return len({(item.session, item.start_us // STEP_US) for item in self.items})

    @property
    def session_names(self) -> Sequence[str]:
        return self._names

    @property
    def _names(self) -> list[str]:
        return [f"vehicle-{number}" for number in range(self.sessions)]

    @property
    def _steps(self) -> int:
        return round(self.seconds * 1_000_000 / STEP_US)


def _drive(session: str, number: int, steps: int) -> Iterator[FeedItem]:
    chance = random.Random(number)
    cars = [
        (
            chance.uniform(8, 60),
            chance.uniform(-6, 6),
            chance.uniform(-8, 4),
            chance.uniform(0, 0.5),
        )
        for _ in range(_CARS)
    ]
    for step in range(steps):
        at_us = START_US + step * STEP_US
        share = step / steps
        there = [
            _car(x + speed * step / 10, y, chance)
            for x, y, speed, begins in cars
            if begins <= share <= begins + 0.5 and 4 < x + speed * step / 10 < 80
        ]
        false = _car(chance.uniform(10, 50), chance.uniform(-9, 9), chance) | {"score": 0.4}
        seen = [each for each in there if chance.random() > 0.1]
        lists = {
            "lidar": ("lidar.top", [*seen, false] if chance.random() < 0.3 else seen),
            "camera": (
                "camera.front",
                [_flat(each) for each in there if chance.random() > 0.1],
            ),
        }
        if step % 10 == 7:
            del lists[chance.choice(sorted(lists))]
        for name, (sensor, objects) in lists.items():
            payload = json.dumps({"objects": objects, "camera": "camera.front"}).encode()
            yield FeedItem(
                session, name, sensor, at_us, at_us, "application/json", payload, step, at_us
            )


def _car(x: float, y: float, chance: random.Random) -> dict[str, Any]:
    x, y = x + chance.gauss(0, 0.1), y + chance.gauss(0, 0.1)
    middle, high = 600 - 700 * y / x, 700 * 1.5 / x
    return {
        "class": "car",
        "score": chance.uniform(0.9, 0.9999),
        "box3d": [x, y, 0.8, 4.1, 1.8, 1.5, 0.0],
        "box2d": [middle - 0.6 * high, 180.0, middle + 0.6 * high, 180.0 + high],
    }


def _flat(car: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in car.items() if name != "box3d"}
