"""A surround rig: sensors with capture times of their own, and the skew that results tell of."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.pipeline import Pipeline
from schemas.pipeline_file import parse_pipeline
from tests.e2e.harness import site

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

RIG = """
pipeline: surround
inputs:
  camera:
    modality: video
    sensors: [CAM_FRONT, CAM_FRONT_LEFT, CAM_FRONT_RIGHT, CAM_BACK, CAM_BACK_LEFT, CAM_BACK_RIGHT]
    matcher: {kind: nearest, reference: trigger, tolerance: 60ms}
  lidar:
    modality: points
    sensors: [LIDAR_TOP]
window: {kind: triggered, sensor: LIDAR_TOP, size: 200ms, before: 100ms}
model: {name: vehicle}
"""


@pytest.fixture
def rig() -> Pipeline:
    return parse_pipeline(RIG, "surround.yaml")


async def test_the_skew_in_the_result_is_that_of_the_files_times(
    rig: Pipeline, tmp_path: Path, shared_data: Path
) -> None:
    folder = shared_data / "vehicle" / "nuscenes_sample"
    times_us = {
        match[1]: int(match[2])
        for file in folder.iterdir()
        if (match := re.search(r"__([A-Z_]+)__(\d{16})\.", file.name))
    }
    assert len(times_us) == 7
    with site(rig, tmp_path) as here:
        await here.start_worker().ready()
        command = [sys.executable, "-m", "workers.cli", "feed", str(folder), "--session", "car-1"]
        options = ["--pipeline", here.pipeline_arg, "--speed", "max", "--json"]
        done = await asyncio.to_thread(
            subprocess.run, [*command, *options], env=here.environ, capture_output=True, timeout=120
        )
        assert done.returncode == 0, done.stderr[-3000:]
        (result,) = await here.results(1)
    trigger_us = times_us["LIDAR_TOP"]
    told_ms = {name: use.skew_ms for name, use in result.sensors.items()}
    assert told_ms == {
        name: pytest.approx((at_us - trigger_us) / 1_000, abs=1e-6)
        for name, at_us in times_us.items()
    }
    widest_ms = (max(times_us.values()) - min(times_us.values())) / 1_000
    assert result.quality.skew_ms == pytest.approx(widest_ms, abs=1e-6)
    assert result.quality.completeness == 1.0
