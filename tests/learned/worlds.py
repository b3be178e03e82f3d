"""Small learned models, their samples and their windows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from schemas.model import ModelSpec
from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window, WindowSample
from workers.learned.card import render_card
from workers.learned.file import LearnedManifest, Origin, save_learned
from workers.learned.model import ARCHITECTURE, LearnedModel, OfInput
from workers.learned.network import LearnedNetwork
from workers.learned.plan import ModelPlan

VECTOR = "application/vnd.sensorium.vector;dtype=f32le"
CPU = torch.device("cpu")
MODALITY_OF = {"text": Modality.TEXT, "audio": Modality.AUDIO}
WIDTHS = {"text": 6, "audio": 4}
LABELS = ("low", "high")
STEP_US = 1_000_000


def a_plan(**changed: Any) -> ModelPlan:
    """Two inputs of given vectors, one task."""
    return ModelPlan.model_validate(
        {
            "encoders": {name: {"kind": "vector", "width": w} for name, w in WIDTHS.items()},
            "fusion": {"form": "attention", "width": 16, "heads": 2},
            "tasks": {"mood": {"labels": LABELS}},
            **changed,
        }
    )


def a_network(
    plan: ModelPlan | None = None,
    modality_of: Mapping[str, Modality] = MODALITY_OF,
    seed: int = 0,
) -> LearnedNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LearnedNetwork(plan or a_plan(), modality_of).eval()


def a_model(
    plan: ModelPlan | None = None,
    modality_of: Mapping[str, Modality] = MODALITY_OF,
    seed: int = 0,
) -> LearnedModel:
    network = a_network(plan, modality_of, seed)
    spec = ModelSpec(name="small", max_batch=8)
    return LearnedModel(network, ModelRef("small", "1", ""), modality_of, CPU, spec)


def a_sample(
    input: str, payload: bytes, content_type: str, modality: Modality, at_us: int = 0
) -> Sample:
    return Sample("s", input, input, modality, at_us, at_us, content_type, payload, "", 0, 0)


def a_vector(input: str, at_us: int = 0, seed: int = 0) -> Sample:
    values = np.random.default_rng([seed, at_us, WIDTHS[input]]).standard_normal(WIDTHS[input])
    payload = values.astype("<f4").tobytes()
    return a_sample(input, payload, VECTOR, MODALITY_OF[input], at_us)


def a_window(model: LearnedModel, samples: Sequence[Sample], end_us: int = STEP_US) -> Window:
    """A window from 0 on with these samples, encoded by the model."""
    kept = []
    for sample in samples:
        decoded = model.decode(sample)
        assert isinstance(decoded, OfInput)
        (feature,) = model.encode(sample.modality, [decoded])
        span = (sample.start_us, sample.end_us)
        kept.append(WindowSample(sample.sensor, sample.input, 0, *span, feature))
    return Window(0, "s", 0, end_us, tuple(kept), {}, 0)


def write_small(folder: Path, plan: ModelPlan | None = None, version: str = "1") -> LearnedManifest:
    network = a_network(plan)
    manifest = LearnedManifest(
        "small", version, "test", ARCHITECTURE, {}, {}, {}, Origin("n", "n", "n", "n", 0), {}
    )
    return save_learned(folder, network, manifest, render_card(manifest, network))


def a_picture(rng: np.random.Generator) -> bytes:
    _, png = cv2.imencode(".png", rng.integers(0, 256, (40, 40), np.uint8))
    return png.tobytes()


def a_sound(rng: np.random.Generator, seconds: float) -> bytes:
    wave = 0.2 * rng.standard_normal(round(16_000 * seconds))
    return (wave * 32_767).astype("<i2").tobytes()


def a_reading(rng: np.random.Generator) -> bytes:
    return json.dumps({"hr": 60 + 40 * rng.random(), "spo2": 90 + 9 * rng.random()}).encode()
