"""Learned models on disk: ``model.json`` beside ``model.safetensors``, read with all verified.

No pickle is ever read: a model from elsewhere can at worst be wrong, not run code.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import safetensors.torch
from pydantic import ValidationError

from schemas.result import ModelRef
from schemas.sample import Modality
from schemas.validation import explain
from workers.errors import ModelError, PlanError
from workers.learned.model import ARCHITECTURE
from workers.learned.network import LearnedNetwork
from workers.learned.plan import ModelPlan
from workers.model_file import CARD_FILE, WEIGHTS_FILE, fill_network, read_weights
from workers.registry.layout import MODEL_FILE


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One figure: its mean over ``runs`` (seeds or folds) and the deviation between them."""

    value: float
    deviation: float = 0.0
    runs: int = 1


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the weights came to be, enough to make them again, and what they are for.

    ``data``, ``split``: what was learnt from and how it was divided, in words. ``settings``: of the
    optimisation. ``use``, ``limits``: sentences.
    """

    data: str
    data_licence: str
    weights_licence: str
    command: str
    seed: int
    split: str = ""
    settings: dict[str, Any] = {}
    use: list[str] = []
    limits: list[str] = []


class LearnedManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of ``model.json``. ``inputs``: input -> modality. ``tasks``: task -> labels.

    ``plan``: a ``ModelPlan``. ``metrics``: split -> what -> figure. ``sha256``: of the weights
    file, hex.
    """

    name: str
    version: str
    pipeline: str
    architecture: str
    inputs: dict[str, Modality]
    tasks: dict[str, list[str]]
    plan: dict[str, Any]
    training: Origin
    metrics: dict[str, dict[str, Measured]]
    sha256: str = ""

    @property
    def ref(self) -> ModelRef:
        """How results name this model."""
        return ModelRef(self.name, self.version, self.sha256)


@dataclass(frozen=True, slots=True)
class LoadedLearned:
    """A verified model, in evaluation mode on the CPU."""

    manifest: LearnedManifest
    network: LearnedNetwork
    folder: Path


def _read_manifest(name: str, folder: Path) -> LearnedManifest:
    try:
        manifest = msgspec.json.decode((folder / MODEL_FILE).read_bytes(), type=LearnedManifest)
    except OSError as error:
        raise ModelError(name, f"{MODEL_FILE} cannot be read ({error.strerror})") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ModelError(name, f"{MODEL_FILE} is not a model description: {error}") from None
    if manifest.architecture != ARCHITECTURE:
        raise ModelError(
            name,
            f"expected architecture {ARCHITECTURE!r}, got {manifest.architecture!r}; train it "
            "again or use the release it came with",
        )
    return manifest


def _read_plan(name: str, manifest: LearnedManifest) -> ModelPlan:
    try:
        plan = ModelPlan.model_validate(manifest.plan)
    except ValidationError as error:
        problem = explain(error, ModelPlan)[0]
        raise ModelError(
            name,
            f"{MODEL_FILE}: plan.{problem.key}: {problem.message}; use the release it came with",
        ) from None
    if set(plan.inputs) != set(manifest.inputs):
        raise ModelError(
            name,
            f"{MODEL_FILE}: expected inputs {list(plan.inputs)} as in the plan, got "
            f"{sorted(manifest.inputs)}",
        )
    tasks = {task: list(rules.labels) for task, rules in plan.tasks.items()}
    if tasks != manifest.tasks:
        raise ModelError(name, f"{MODEL_FILE}: expected tasks as in the plan, got others")
    return plan


def load_learned(folder: Path) -> LoadedLearned:
    """Read a model's folder.

    Raises ``ModelError``: not found, a description that is wrong or of another architecture,
    weights missing, of another digest, other shapes, or not finite.
    """
    name = str(folder)
    manifest = _read_manifest(name, folder)
    plan = _read_plan(name, manifest)
    weights = read_weights(name, folder, manifest.sha256)
    try:
        network = LearnedNetwork(plan, manifest.inputs)
    except PlanError as error:
        raise ModelError(name, f"{MODEL_FILE}: plan.{error.key}: {error.problem}") from None
    fill_network(name, network, weights)
    return LoadedLearned(manifest, network.eval(), folder)


def save_learned(
    folder: Path, network: LearnedNetwork, manifest: LearnedManifest, card: str
) -> LearnedManifest:
    """Write weights, card and the description with the weights' digest; returns the description
    written. What ``manifest`` says of plan, inputs and tasks is taken from the network.

    Equal weights give equal bytes, hence an equal digest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plan = network.plan
    tensors = {key: value.cpu().contiguous() for key, value in network.state_dict().items()}
    blob = safetensors.torch.save(tensors)
    written = msgspec.structs.replace(
        manifest,
        architecture=ARCHITECTURE,
        inputs={name: network.encoder(name).modality for name in plan.inputs},
        tasks={task: list(rules.labels) for task, rules in plan.tasks.items()},
        plan=plan.model_dump(mode="json"),
        sha256=hashlib.sha256(blob).hexdigest(),
    )
    (folder / WEIGHTS_FILE).write_bytes(blob)
    (folder / CARD_FILE).write_text(card, encoding="utf-8")
    text = msgspec.json.format(msgspec.json.encode(written), indent=2)
    (folder / MODEL_FILE).write_bytes(text + b"\n")
    return written
