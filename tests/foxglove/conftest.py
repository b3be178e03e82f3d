"""A short drive as a recording: frames, a sweep, object lists and results with tracked objects."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from schemas.envelope import encode_headers
from schemas.objects import Kinematics, Shape, TrackedObject
from schemas.pipeline import Pipeline
from schemas.result import (
    ModelRef,
    Quality,
    Result,
    Timings,
    WindowSpan,
    encode_result,
)
from schemas.units import us_to_iso
from streams.record.handover import Handover
from streams.record.writer import Writer, channels_of
from streams.records import Record

T0_US = 1_700_000_000_000_000
POINTS = np.array([[1, 2, 3, 0.5], [4, -0.0, 6, 1.0]], np.float32)


@pytest.fixture(scope="session")
def drive() -> Pipeline:
    return Pipeline.model_validate(
        {
            "pipeline": "drive",
            "inputs": {
                "camera": {"modality": "video", "sensors": ["camera.front"]},
                "lidar": {"modality": "points", "sensors": ["lidar.top"]},
                "smart": {"modality": "objects", "sensors": ["radar.front"]},
                "cabin": {"modality": "text", "sensors": ["speech"]},
            },
            "window": {"size": "100ms"},
            "model": {"name": "any"},
        }
    )


def jpeg() -> bytes:
    return bytes(cv2.imencode(".jpg", np.full((24, 32, 3), 90, np.uint8))[1].data)


def sample(
    pipeline: Pipeline, name: str, at_ms: int, payload: bytes, content_type: str, session: str
) -> Record:
    spec = pipeline.inputs[name]
    headers = encode_headers(
        id=f"{name}-{at_ms}",
        sensor=spec.sensors[0],
        modality=spec.modality,
        start_us=T0_US + at_ms * 1000,
        content_type=content_type,
    )
    time_ms = T0_US // 1000 + at_ms
    return Record(pipeline.topic(name), 0, at_ms, time_ms, session.encode(), payload, headers)


def tracked(object_id: str, at_ms: int, **more: Any) -> TrackedObject:
    return msgspec.structs.replace(
        TrackedObject(
            object_id,
            0.97,
            {"car": 0.9, "truck": 0.1},
            Kinematics("base_link", (10.0, -2.0, 0.5), (3.0, 4.0, 0.0), np.pi / 2, [0.1] * 21),
            Shape(4.5, 1.8, 1.5),
            "confirmed",
            us_to_iso(T0_US + at_ms * 1000),
            us_to_iso(T0_US),
            float(at_ms),
            ["lidar.top"],
            {"camera.front": (1.0, 2.0, 11.0, 22.0)},
        ),
        **more,
    )


def result(at_ms: int, objects: Sequence[TrackedObject], session: str = "car-7") -> Result:
    start_us = T0_US + (at_ms - 100) * 1000
    return Result(
        id=f"r-{at_ms}",
        pipeline="drive",
        session=session,
        window=WindowSpan(us_to_iso(start_us), us_to_iso(T0_US + at_ms * 1000)),
        revision=0,
        final=True,
        tasks={},
        modalities={},
        sensors={},
        quality=Quality(1.0, 0.0, []),
        model=ModelRef("any", "1", "00"),
        timings=Timings(0, 0.0, 0.0),
        objects=list(objects),
    )


def of_result(pipeline: Pipeline, one: Result, offset: int) -> Record:
    # Written long after the drive: what is drawn goes by event time.
    return Record(
        pipeline.results_topic,
        0,
        offset,
        T0_US // 1000 + 9_000_000,
        one.session.encode(),
        encode_result(one),
    )


@pytest.fixture
def recording(tmp_path: Path, drive: Pipeline) -> Callable[..., Path]:
    """Write a drive of 0.2 s: two frames, a sweep, a list, a word, and these results."""

    def make(*results: Result, session: str = "car-7") -> Path:
        boxes = {"objects": [{"class": "car", "score": 0.5, "box3d": [9, 1, 0, 4, 2, 1, 0.25]}]}
        cloud = "application/vnd.sensorium.points;fields=xyzi;dtype=f32le"
        body = json.dumps(boxes).encode()
        records = [
            sample(drive, "camera", 0, jpeg(), "image/jpeg", session),
            sample(drive, "lidar", 20, POINTS.tobytes(), cloud, session),
            sample(drive, "smart", 50, body, "application/json", session),
            sample(drive, "cabin", 60, b"left", "text/plain", session),
            sample(drive, "camera", 100, jpeg(), "image/jpeg", session),
            *(of_result(drive, one, number) for number, one in enumerate(results)),
        ]
        path = tmp_path / f"{session}.mcap"
        handover = Handover(drive)
        with Writer(path, drive, channels_of(drive, [*drive.inputs], ["results"])) as file:
            for record in records:
                file.add(record, handover.time_us(record))
        return path

    return make
