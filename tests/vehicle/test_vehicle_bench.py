"""`sensorium bench vehicle` on a tiny size: what it reports, never how fast it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from workers.bench.traffic import traffic
from workers.bench.vehicle import measure_vehicle


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return measure_vehicle(
        vehicles=3, objects=4, frames=6, batch=2, seed=1, passes=1, note=lambda _: None
    )


def test_the_ratio_is_that_of_the_same_run(report: dict[str, Any]) -> None:
    ratio = report["decode_steps_per_s"] / report["model_steps_per_s"]
    assert report["cost_of_decoding"] == pytest.approx(ratio, rel=0.02)


def test_vehicles_of_a_core_are_a_tenth_of_its_steps(report: dict[str, Any]) -> None:
    assert report["core_vehicles_per_core"] == int(report["core_steps_per_s"] / 10)


def test_the_same_seed_is_the_same_traffic() -> None:
    one, other = (traffic(2, 3, 2, seed=5) for _ in range(2))
    assert one == other


def test_the_size_of_a_state_is_that_of_whole_tracks(report: dict[str, Any]) -> None:
    tracks = (report["state_bytes"] - 33) * 3 / 280
    assert tracks == pytest.approx(np.round(tracks), abs=0.01)
