"""Real recordings through real workers: as many results as the files have windows, no sample lost.

Run with the command that a user has (``sensorium feed``), on the shipped pipelines.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import pytest
import soundfile

from schemas.pipeline_file import load_pipeline
from schemas.result import Result
from tests.e2e.harness import Site, site

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

START = "2026-03-01T12:00:00Z"


def feed(here: Site, *arguments: str) -> None:
    command = [sys.executable, "-m", "workers.cli", "feed", *arguments]
    options = ["--pipeline", here.pipeline_arg, "--speed", "max", "--start", START, "--json"]
    done = subprocess.run(
        [*command, *options], env=here.environ, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]


def windows(times_s: list[float], size_s: float) -> int:
    """Distinct windows; START is a multiple of every window size used here."""
    return len({int(round(time_s * 1e6) // round(size_s * 1e6)) for time_s in times_s})


def totals(results: list[Result]) -> dict[str, int]:
    """Sensor -> samples over all results."""
    total: Counter[str] = Counter()
    for result in results:
        for name, use in result.sensors.items():
            total[name] += use.samples
    return {name: count for name, count in total.items() if count}


async def test_a_drive_with_camera_and_lidar(tmp_path: Path, shared_data: Path) -> None:
    drive = shared_data / "vehicle" / "kitti_raw_2011_09_26_drive_0052"
    expected = windows([k * 0.1 for k in range(78)], 0.5)
    with site(load_pipeline("vehicle"), tmp_path) as here:
        await here.start_worker().ready()
        await asyncio.to_thread(feed, here, str(drive), "--session", "car-1")
        results = await here.results(expected)
    assert len(results) == expected
    assert totals(results) == {"camera.front": 78, "lidar.top": 78}
    assert results[0].sensors["radar.front"].absent == "never_seen"


async def test_a_video_with_a_voice(tmp_path: Path, shared_data: Path) -> None:
    video = shared_data / "vehicle" / "video" / "vtest.avi"
    voice = shared_data / "calls" / "asr_snippets" / "spk1_snt1.wav"
    frames = 795
    info = soundfile.info(str(voice))
    chunks = -(-info.frames // (info.samplerate // 5))
    rate = cv2.VideoCapture(str(video)).get(cv2.CAP_PROP_FPS)
    times = [k / rate for k in range(frames)] + [k * 0.2 for k in range(chunks)]
    expected = windows(times, 2.0)
    with site(load_pipeline("call"), tmp_path) as here:
        await here.start_worker().ready()
        await asyncio.to_thread(
            feed, here, str(video), f"audio/mic.customer={voice}", "--session", "call-1"
        )
        results = await here.results(expected, timeout_s=150)
    assert len(results) == expected
    counted = totals(results)
    assert counted.pop("mic.customer") == chunks
    assert list(counted.values()) == [frames]


async def test_an_x_ray_with_the_vital_signs_of_an_icu_stay(
    tmp_path: Path, shared_data: Path
) -> None:
    x_ray = next(iter(sorted((shared_data / "clinical" / "covid_cxr_with_notes").glob("*/*.jpg"))))
    vitals = shared_data / "clinical" / "icu_vitals" / "s00001-2896-10-10-00-31n.hea"
    with site(load_pipeline("diagnosis"), tmp_path) as here:
        await here.start_worker().ready()
        await asyncio.to_thread(feed, here, str(x_ray), str(vitals), "--session", "patient-1")
        results = await here.results(1936, timeout_s=150)
    assert len(results) == 1936
    assert totals(results) == {"imaging": 1, "monitor": 1936}
