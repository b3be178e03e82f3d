"""A candidate is tried before it answers: one sample of each input, through all of the model."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

import cv2
import numpy as np

from schemas.inputs import InputSpec
from schemas.pipeline import Pipeline
from schemas.sample import Modality, Sample
from streams.align.types import Window, WindowSample
from streams.compute import NOTHING_USED, BadSample, Compute, Dropped, Fusion
from workers.codecs.media_type import parse_media_type
from workers.codecs.vector import is_vector
from workers.errors import ModelError

#: Longest wait for the answers. A shipped model takes 50 ms on one core; the first calls of a
#: large one on a busy machine take seconds.
_TIMEOUT_S = 60.0
#: How far a task's probabilities may add up to something else than 1.
_SUM_TOLERANCE = 1e-3
_JSON = "application/json"
#: Of an object all that any sensor may say: which of it a model needs is its own business.
_OBJECTS = (
    b'{"objects": [{"class": "car", "score": 0.9, "position": [9.0, 0.5], "range_rate": -1.0,'
    b' "box3d": [9.0, 0.5, 0.8, 4.0, 1.8, 1.6, 0.0], "box2d": [10.0, 10.0, 60.0, 50.0],'
    b' "range": 9.0, "bearing": 0.05}]}'
)
_POINTS = "application/vnd.sensorium.points;fields=xyzi;dtype=f32le"
_PCM = "audio/pcm;rate=16000;channels=1;format=s16le"


def trial_payload(modality: Modality) -> tuple[str, bytes]:
    """Content type and payload of a small valid sample."""
    if modality in (Modality.VIDEO, Modality.IMAGE):
        ramp = np.linspace(0, 255, 96 * 96 * 3).reshape(96, 96, 3).astype(np.uint8)
        _, jpeg = cv2.imencode(".jpg", ramp)
        return "image/jpeg", jpeg.tobytes()
    if modality is Modality.AUDIO:
        wave = 8_000 * np.sin(np.arange(3_200) / 8)
        return _PCM, wave.astype("<i2").tobytes()
    if modality is Modality.TEXT:
        return "text/plain;charset=utf-8", b"a trial"
    if modality is Modality.OBJECTS:
        return _JSON, _OBJECTS
    if modality is Modality.POINTS:
        return _POINTS, np.linspace(-9, 9, 400).astype("<f4").tobytes()
    return _JSON, b'{"hr": 70, "spo2": 97}'


def _vector(content_type: str) -> tuple[str, bytes] | None:
    """A vector of the width that a content type says; ``None`` where it says none."""
    width = parse_media_type(content_type).integer("width", 0)
    return (content_type, np.linspace(-1, 1, width).astype("<f4").tobytes()) if width else None


def _sample(name: str, spec: InputSpec) -> Sample | None:
    """``None`` for vectors of a width that only the model knows."""
    content_type, modality = spec.default_content_type, spec.modality
    made = _vector(content_type) if is_vector(content_type) else trial_payload(modality)
    if made is None:
        return None
    kind, payload = made
    return Sample(
        session="trial",
        sensor=name,
        input=name,
        modality=modality,
        start_us=0,
        end_us=0,
        content_type=kind,
        payload=payload,
        topic="",
        partition=0,
        offset=0,
    )


async def try_out(pipeline: Pipeline, compute: Compute) -> None:
    """Have a window with a sample of every input answered, and one without any. An input of
    vectors has a sample where its content type says how wide they are.

    Raises ``ModelError`` where a sample is refused, or an answer is no distribution over labels,
    NaN or infinite, or does not come; and what the model raises.
    """
    name = compute.model.name
    tried = [_sample(each, spec) for each, spec in pipeline.inputs.items()]
    samples = [each for each in tried if each is not None]
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            features = await compute.encode(samples)
            windows = [_window(name, samples, features), Window(0, "trial", 0, 1, (), {}, 0)]
            answers = await compute.fuse(windows)
    except TimeoutError:
        raise ModelError(
            name, f"expected answers to a trial within {_TIMEOUT_S:g} s, got none"
        ) from None
    for window, answer in zip(windows, answers, strict=True):
        if window.samples or answer != NOTHING_USED:
            _check(name, answer)


def _window(
    name: str, samples: Sequence[Sample], features: Sequence[bytes | BadSample | Dropped]
) -> Window:
    taken = []
    for sample, feature in zip(samples, features, strict=True):
        if not isinstance(feature, bytes):
            got = "none" if isinstance(feature, Dropped) else f"{feature.reason}: {feature.message}"
            raise ModelError(
                name, f"expected a feature of a valid sample of input {sample.input!r}, got {got}"
            )
        taken.append(WindowSample(sample.sensor, sample.input, 0, 0, 0, feature))
    return Window(0, "trial", 0, 1, tuple(taken), {}, 0)


def _check(name: str, answer: Fusion) -> None:
    if answer.failure is not None or answer.culprit is not None:
        reason = answer.failure or (answer.culprit and answer.culprit.reason)
        raise ModelError(name, f"expected an answer to a window of valid samples, got {reason}")
    for task, probabilities in answer.tasks.items():
        values = list(probabilities.values())
        if not all(math.isfinite(value) for value in values):
            raise ModelError(name, f"task {task!r}: expected finite probabilities, got {values}")
        if abs(sum(values) - 1.0) > _SUM_TOLERANCE:
            raise ModelError(
                name, f"task {task!r}: expected probabilities of sum 1, got {sum(values)}"
            )
