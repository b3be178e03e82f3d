"""Raw frames and sweeps to tracked objects, and the picture of them, through broker and worker."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline
from schemas.result import Result
from tests.e2e.harness import Site, site

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

START = "2026-03-01T12:00:00Z"
FRAMES = 78

TEXT = """
pipeline: raw
inputs:
  camera: {{modality: video, sensors: [camera.front], lateness: 100ms}}
  lidar: {{modality: points, sensors: [lidar.top], lateness: 100ms}}
window: {{size: 100ms}}
model: {{name: drive-raw}}
calibration: {{file: {drive}/calib.txt, sensors: {{camera.front: image_02}}}}
perception:
  lidar: {{kind: clusters}}
  camera:
    kind: onnx
    file: {weights}/FastestDet.onnx
    labels: {weights}/coco.names
    layout: fastestdet
    size: [352, 352]
    colors: bgr
    classes: {{car: car, truck: truck, bus: truck}}
    min_score: 0.35
    max_overlap: 0.38
"""


@pytest.fixture
def drive(shared_data: Path) -> Path:
    return shared_data / "vehicle" / "kitti_raw_2011_09_26_drive_0052"


@pytest.fixture
def pipeline(drive: Path, tmp_path: Path) -> Pipeline:
    weights = drive.parent / "weights_fastestdet"
    file = tmp_path / "raw.yaml"
    file.write_text(TEXT.format(drive=drive, weights=weights))
    return load_pipeline(str(file))


def sensorium(here: Site, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "workers.cli", *arguments],
        env=here.environ,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def ahead(result: Result) -> list[tuple[str, float]]:
    """Objects in the lane ahead and within 12 m: id and distance."""
    assert isinstance(result.objects, list)
    found = []
    for item in result.objects:
        if item.kinematics is not None and item.status == "confirmed" and not item.suspended:
            x, y, _ = item.kinematics.position
            if abs(y) < 1.2 and 0.0 < x < 12.0:
                found.append((item.object_id, x))
    return found


@pytest.mark.slow
async def test_the_car_ahead_is_one_object_all_along_and_is_drawn(
    pipeline: Pipeline, drive: Path, tmp_path: Path
) -> None:
    with site(pipeline, tmp_path) as here:
        await here.start_worker().ready()
        await asyncio.to_thread(
            sensorium, here, "feed", str(drive), "--session", "car-1", "--speed", "max",
            "--start", START, "--pipeline", here.pipeline_arg,
        )  # fmt: skip
        results = await here.results(FRAMES, timeout_s=150)
        video = tmp_path / "drive.mp4"
        told = await asyncio.to_thread(
            sensorium, here, "view", here.pipeline_arg, "--session", "car-1",
            "--save", str(video), "--width", "640", "--json",
        )  # fmt: skip
    results.sort(key=lambda result: result.window.start)
    # By the labels: 9.3 m at frame 7, 8.8 at 14, 8.2 at 21, 7.4 at 31, to the car's middle in the
    # camera's frame, which is 0.3 m ahead of the lidar.
    for frame, distance_m in ((14, 9.1), (21, 8.5), (31, 7.7)):
        assert any(abs(x - distance_m) < 0.6 for _, x in ahead(results[frame])), frame
    first, last = dict(ahead(results[10])), dict(ahead(results[60]))
    assert first.keys() & last.keys()
    assert json.loads(told)["windows"] == FRAMES
    capture = cv2.VideoCapture(str(video))
    assert int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) == FRAMES
