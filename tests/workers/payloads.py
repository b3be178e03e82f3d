"""Real payloads of each modality, made small by the libraries that make them in the field."""

from __future__ import annotations

import io
import json

import cv2
import numpy as np
import soundfile
from numpy.typing import NDArray

from schemas.sample import Modality, Sample

POINTS_TYPE = "application/vnd.sensorium.points;fields=xyzi;dtype=f32le"


def picture(width: int = 320, height: int = 240, seed: int = 0) -> NDArray[np.uint8]:
    """A smooth random picture, BGR."""
    coarse = (max(2, height // 64), max(2, width // 64), 3)
    noise = np.random.default_rng(seed).integers(0, 256, coarse, np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC))


def encoded(image: NDArray[np.uint8], extension: str = ".jpg") -> bytes:
    done, data = cv2.imencode(extension, image)
    assert done
    return data.tobytes()


def tone(
    hz: float, rate_hz: int = 16_000, seconds: float = 0.2, level: float = 0.5
) -> NDArray[np.float32]:
    times = np.arange(round(rate_hz * seconds)) / rate_hz
    return (level * np.sin(2 * np.pi * hz * times)).astype(np.float32)


def s16le(signal: NDArray[np.float32]) -> bytes:
    return np.round(signal * 32767).astype("<i2").tobytes()


def container(signal: NDArray[np.float32], kind: str, rate_hz: int = 16_000) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, signal, rate_hz, format=kind.upper(), subtype="PCM_16")
    return buffer.getvalue()


def sweep(count: int = 2_000, seed: int = 0) -> bytes:
    rng = np.random.default_rng(seed)
    low, high = [-40.0, -40.0, -2.0, 0.0], [40.0, 40.0, 3.0, 1.0]
    return rng.uniform(low, high, (count, 4)).astype("<f4").tobytes()


def example(modality: Modality, seed: int = 0) -> tuple[str, bytes]:
    """A valid content type and payload; other seeds give other contents and lengths."""
    rng = np.random.default_rng(seed)
    if modality is Modality.VIDEO:
        return "image/jpeg", encoded(picture(160, 120, seed))
    if modality is Modality.IMAGE:
        return "image/png", encoded(picture(128, 128, seed), ".png")
    if modality is Modality.AUDIO:
        chunk = tone(200.0 + 50.0 * seed, seconds=float(rng.choice([0.03, 0.1, 0.2, 0.5])))
        return "audio/pcm;rate=16000;channels=1;format=s16le", s16le(chunk)
    if modality is Modality.TEXT:
        words = rng.choice(["cancel", "the", "plan", "router", "bill", "please"], 1 + seed % 40)
        return "text/plain;charset=utf-8", " ".join(words).encode()
    if modality is Modality.OBJECTS:
        listed = [
            {"class": "car", "score": 0.9, "position": [float(rng.uniform(1, 60)), 0.5]}
            for _ in range(seed % 12)
        ]
        return "application/json", json.dumps({"objects": listed}).encode()
    if modality is Modality.POINTS:
        return POINTS_TYPE, sweep(500 + seed, seed)
    return "application/json", json.dumps({"hr": 60 + seed, "spo2": 97, "temp": None}).encode()


def sample(
    modality: Modality,
    content_type: str,
    payload: bytes,
    *,
    offset: int = 0,
    sensor: str = "sensor",
    input: str = "input",
) -> Sample:
    return Sample(
        session="s",
        sensor=sensor,
        input=input,
        modality=modality,
        start_us=0,
        end_us=0,
        content_type=content_type,
        payload=payload,
        topic=f"test.{input}",
        partition=0,
        offset=offset,
    )
