"""Untrained models on disk, for tests of everything but what a model knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from schemas.inputs import InputSpec
from schemas.model import ModelSpec
from schemas.pipeline import Pipeline
from schemas.sample import Modality
from schemas.windows import WindowSpec
from workers.backends.reference import ReferenceModel
from workers.codecs.forms import INPUT_FORMS
from workers.fusion.network import Network
from workers.inference.compute import ModelCompute
from workers.model_file import ARCHITECTURE, Manifest, Training, save_model

TASKS = {"mood": ["low", "high"], "place": ["here", "there", "nowhere"]}


def manifest(modalities: Sequence[Modality] = tuple(Modality), form: str = "attention") -> Manifest:
    return Manifest(
        name="untrained",
        version="0",
        pipeline="test",
        architecture=ARCHITECTURE,
        inputs=[INPUT_FORMS[modality] for modality in modalities],
        tasks=TASKS,
        fusion=form,
        training=Training("none", "none", "Apache-2.0", "none", 0, {}),
        metrics={},
        sha256="",
    )


def network(
    modalities: Sequence[Modality] = tuple(Modality), form: str = "attention", seed: int = 0
) -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Network(modalities, TASKS, form).eval()


def write_model(folder: Path, modalities: Sequence[Modality] = tuple(Modality)) -> Manifest:
    return save_model(folder, network(modalities), manifest(modalities))


def pipeline(model: str, modalities: Sequence[Modality] = tuple(Modality)) -> Pipeline:
    """One input per modality, of the modality's name."""
    return Pipeline(
        pipeline="test",
        inputs={m.value: InputSpec(modality=m) for m in modalities},
        window=WindowSpec.model_validate({"size": "2s"}),
        model=ModelSpec(name=model),
    )


def cpu_compute(served: Pipeline) -> ModelCompute:
    """The pipeline's model on one thread of the CPU."""
    return ModelCompute(served, ReferenceModel.load(served, device="cpu", threads=1))
