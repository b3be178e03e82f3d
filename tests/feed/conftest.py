"""Small recordings, written where a test needs one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from schemas.pipeline import Pipeline


@pytest.fixture(scope="session")
def make_pipeline() -> Callable[..., Pipeline]:
    """Make a pipeline of the inputs given by name, as a pipeline file would write them."""

    def make(name: str = "ward", **inputs: dict[str, object]) -> Pipeline:
        return Pipeline.model_validate(
            {
                "pipeline": name,
                "inputs": inputs,
                "window": {"size": "1s"},
                "model": {"name": "any"},
            }
        )

    return make


@pytest.fixture
def jpeg() -> bytes:
    frame = np.full((24, 32, 3), 128, np.uint8)
    return bytes(cv2.imencode(".jpg", frame)[1].data)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Write one file below the test's folder; text as UTF-8."""

    def make(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make


@pytest.fixture
def tone(tmp_path: Path) -> Callable[..., Path]:
    """Write an audio file: a sine per channel, the n-th at n times 200 Hz, amplitude a half."""

    def make(
        name: str = "tone.wav",
        *,
        rate_hz: int = 16_000,
        seconds: float = 1.0,
        channels: int = 1,
        subtype: str | None = None,
    ) -> Path:
        times = np.arange(round(rate_hz * seconds)) / rate_hz
        signal = np.stack(
            [0.5 * np.sin(2 * np.pi * 200 * (n + 1) * times) for n in range(channels)], axis=1
        )
        path = tmp_path / name
        soundfile.write(str(path), signal, rate_hz, subtype=subtype)
        return path

    return make


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """Write a video of so many frames, each of one grey that tells its index (8 a step)."""

    def make(name: str = "film.avi", *, frames: int = 10, fps: float = 10.0) -> Path:
        path = tmp_path / name
        fourcc = cv2.VideoWriter.fourcc(*("MJPG" if path.suffix == ".avi" else "mp4v"))
        writer = cv2.VideoWriter(str(path), fourcc, fps, (64, 48))
        assert writer.isOpened()
        for index in range(frames):
            writer.write(np.full((48, 64, 3), index * 8, np.uint8))
        writer.release()
        return path

    return make
