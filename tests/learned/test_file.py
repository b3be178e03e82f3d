"""Learned models on disk: what is written is read back, and nothing that is wrong is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import safetensors.torch
import torch

from schemas.inputs import InputSpec
from schemas.model import ModelSpec
from schemas.pipeline import Pipeline
from schemas.settings import WorkerSettings
from schemas.windows import WindowSpec
from tests.learned.worlds import (
    MODALITY_OF,
    VECTOR,
    WIDTHS,
    a_model,
    a_network,
    a_vector,
    a_window,
    write_small,
)
from workers.backends.opening import Surroundings, open_model
from workers.errors import ModelError
from workers.learned.card import render_card
from workers.learned.file import load_learned
from workers.learned.model import LearnedModel
from workers.registry.candidate import open_candidate
from workers.registry.checking import check_version
from workers.registry.choice import choose
from workers.registry.layout import MODEL_FILE
from workers.registry.store import Registry


def rewritten(folder: Path, **changed: Any) -> None:
    described = json.loads((folder / MODEL_FILE).read_text())
    (folder / MODEL_FILE).write_text(json.dumps({**described, **changed}))


def served(model: str, width: str = "") -> Pipeline:
    def spec(name: str) -> InputSpec:
        told = f";width={WIDTHS[name]}" if width else ""
        return InputSpec(modality=MODALITY_OF[name], content_type=VECTOR + told)

    return Pipeline(
        pipeline="test",
        inputs={name: spec(name) for name in WIDTHS},
        window=WindowSpec.model_validate({"size": "1s"}),
        model=ModelSpec(name=model),
    )


def test_a_model_is_read_back_with_the_same_answers(tmp_path: Path) -> None:
    written = write_small(tmp_path)
    loaded = load_learned(tmp_path)
    assert loaded.manifest == written
    kept = LearnedModel(loaded.network, written.ref, MODALITY_OF, torch.device("cpu"))
    window = a_window(kept, [a_vector("text"), a_vector("audio")])
    assert kept.fuse([window]) == a_model().fuse([window])


def test_equal_weights_give_an_equal_digest(tmp_path: Path) -> None:
    assert write_small(tmp_path / "a").sha256 == write_small(tmp_path / "b").sha256


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    write_small(tmp_path)
    blob = bytearray((tmp_path / "model.safetensors").read_bytes())
    blob[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(blob)
    with pytest.raises(ModelError, match="digest mismatch"):
        load_learned(tmp_path)


def test_weights_of_another_plan_are_refused(tmp_path: Path) -> None:
    write_small(tmp_path)
    plan = json.loads((tmp_path / MODEL_FILE).read_text())["plan"]
    plan["fusion"]["width"] = 32
    rewritten(tmp_path, plan=plan)
    with pytest.raises(ModelError, match="weights do not fit the description"):
        load_learned(tmp_path)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    written = write_small(tmp_path)
    network = a_network()
    tensors = {name: value.clone() for name, value in network.state_dict().items()}
    next(iter(tensors.values())).fill_(float("inf"))
    blob = safetensors.torch.save(tensors)
    (tmp_path / "model.safetensors").write_bytes(blob)
    rewritten(tmp_path, sha256=hashlib.sha256(blob).hexdigest())
    assert written.sha256 != hashlib.sha256(blob).hexdigest()
    with pytest.raises(ModelError, match="holds NaN or infinite values"):
        load_learned(tmp_path)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"plan": {"encoders": {"text": {"kind": "os:system"}}}},
            "encoders.text.kind: expected",
        ),
        ({"architecture": "sensorium-learned-9"}, "expected architecture 'sensorium-learned-1'"),
        ({"inputs": {"text": "text"}}, "expected inputs"),
        ({"tasks": {"mood": ["a", "b"]}}, "expected tasks as in the plan"),
        ({"surprise": 1}, "not a model description"),
    ],
)
def test_a_description_that_is_wrong_is_refused(
    tmp_path: Path, changed: dict[str, Any], told: str
) -> None:
    write_small(tmp_path)
    rewritten(tmp_path, **changed)
    with pytest.raises(ModelError, match=told):
        load_learned(tmp_path)


def test_a_folder_opens_by_its_architecture(tmp_path: Path) -> None:
    written = write_small(tmp_path)
    found = open_model(ModelSpec(name=str(tmp_path)), Surroundings(MODALITY_OF, device="cpu"))
    assert isinstance(found, LearnedModel)
    assert found.ref == written.ref


async def test_a_version_in_the_registry_passes_its_check(tmp_path: Path) -> None:
    write_small(tmp_path / "small")
    worker = WorkerSettings(models=tmp_path / "models", device="cpu")
    Registry(worker.models).add(tmp_path / "small")
    fit = await check_version(served("small", "told"), "small", "1", worker)
    assert fit.model.name == "small"


@pytest.mark.parametrize("width", ["", "told"])
async def test_a_worker_opens_it_whether_its_pipeline_says_how_wide_vectors_are_or_not(
    tmp_path: Path, width: str
) -> None:
    write_small(tmp_path)
    worker = WorkerSettings(models=tmp_path / "models", device="cpu")
    pipeline = served(str(tmp_path), width)
    choice = choose(pipeline.model, Registry(worker.models))
    compute = await open_candidate(pipeline, choice, worker)
    compute.close()
    assert compute.model.name == "small"


async def test_a_version_of_vectors_of_another_width_fails_its_check(tmp_path: Path) -> None:
    write_small(tmp_path)
    worker = WorkerSettings(models=tmp_path / "models", device="cpu")
    pipeline = served(str(tmp_path), "told")
    text = pipeline.inputs["text"].model_copy(update={"content_type": VECTOR + ";width=3"})
    pipeline = pipeline.model_copy(update={"inputs": {**pipeline.inputs, "text": text}})
    with pytest.raises(ModelError, match="expected 6 values, got 3"):
        await open_candidate(pipeline, choose(pipeline.model, Registry(worker.models)), worker)


def test_a_model_that_comes_with_the_package_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.registry.store.SHIPPED", tmp_path)
    written = write_small(tmp_path / "small")
    registry = Registry(tmp_path / "models")
    found = open_model(
        ModelSpec(name="small"),
        Surroundings(
            MODALITY_OF,
            device="cpu",
            find=lambda name, version: choose(ModelSpec(name=name), registry).folder,
        ),
    )
    assert found.ref == written.ref


def test_the_card_says_what_a_window_holds_and_what_is_not_known(tmp_path: Path) -> None:
    write_small(tmp_path)
    card = (tmp_path / "MODEL_CARD.md").read_text()
    assert "never what comes" in card
    assert "Not measured." in card


def test_the_card_names_only_settings_that_were_made(tmp_path: Path) -> None:
    manifest, network = write_small(tmp_path), a_network()
    settings = {"average": None, "schedule": {"kind": "cosine", "end": None}, "epochs": 3}
    training = msgspec.structs.replace(manifest.training, settings=settings)
    card = render_card(msgspec.structs.replace(manifest, training=training), network)
    assert "- schedule: kind cosine\n- epochs: 3\n" in card
    assert "average" not in card
