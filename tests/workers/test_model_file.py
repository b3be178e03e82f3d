"""Models on disk: what is verified before one is used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from schemas.pipeline import EventSpec
from schemas.sample import Modality
from tests.workers.models import TASKS, manifest, network, pipeline, write_model
from workers.backends.serving import check_serves
from workers.device import resolve_device
from workers.errors import DeviceError, ModelError
from workers.model_file import WEIGHTS_FILE, load_model, save_model
from workers.registry.layout import MODEL_FILE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_model(tmp_path / "model")
    return tmp_path / "model"


def edit(folder: Path, **changes: object) -> None:
    body = json.loads((folder / MODEL_FILE).read_text())
    (folder / MODEL_FILE).write_text(json.dumps(body | changes))


def test_a_saved_model_is_loaded_with_the_same_weights(folder: Path) -> None:
    loaded = load_model(str(folder))
    for name, value in network().state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], value)
    assert not loaded.network.training


def test_the_reference_names_the_digest_of_the_weights(folder: Path) -> None:
    reference = load_model(str(folder)).ref
    assert reference.digest == json.loads((folder / MODEL_FILE).read_text())["sha256"]
    assert len(reference.digest) == 64


def test_equal_weights_have_equal_digests(tmp_path: Path, folder: Path) -> None:
    other = save_model(tmp_path / "other", network(), manifest())
    assert other.sha256 == load_model(str(folder)).ref.digest


def test_other_weights_are_refused_by_their_digest(folder: Path) -> None:
    weights = network(seed=1).state_dict()
    safetensors.torch.save_file(weights, folder / WEIGHTS_FILE)
    with pytest.raises(ModelError, match="digest mismatch"):
        load_model(str(folder))


def test_one_flipped_bit_is_refused(folder: Path) -> None:
    blob = bytearray((folder / WEIGHTS_FILE).read_bytes())
    blob[-1] ^= 1
    (folder / WEIGHTS_FILE).write_bytes(blob)
    with pytest.raises(ModelError, match="digest mismatch"):
        load_model(str(folder))


def test_missing_weights_are_named(folder: Path) -> None:
    (folder / WEIGHTS_FILE).unlink()
    with pytest.raises(ModelError, match=r"no readable model\.safetensors"):
        load_model(str(folder))


def test_weights_of_another_description_are_refused(folder: Path) -> None:
    edit(folder, tasks={"mood": ["low", "middle", "high"]})
    with pytest.raises(ModelError, match="do not fit the description"):
        load_model(str(folder))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "other"}, "expected architecture"),
        ({"fusion": "concat"}, "expected fusion of"),
        ({"tasks": {"mood": ["low"]}}, "two labels or more"),
        ({"surprise": 1}, "not a model description"),
    ],
)
def test_a_wrong_description_is_refused(
    folder: Path, changes: dict[str, object], message: str
) -> None:
    edit(folder, **changes)
    with pytest.raises(ModelError, match=message):
        load_model(str(folder))


def test_an_input_of_another_form_is_refused(folder: Path) -> None:
    inputs = json.loads((folder / MODEL_FILE).read_text())["inputs"]
    inputs[0]["shape"] = [32, 32, 3]
    edit(folder, inputs=inputs)
    with pytest.raises(ModelError, match="not the one this version's codecs make"):
        load_model(str(folder))


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    broken = network()
    with torch.no_grad():
        next(broken.parameters()).fill_(float("nan"))
    save_model(tmp_path, broken, manifest())
    with pytest.raises(ModelError, match="NaN or infinite"):
        load_model(str(tmp_path))


def test_a_name_that_is_nowhere_lists_the_shipped_models() -> None:
    with pytest.raises(ModelError, match="one of"):
        load_model("no-such-model")


def test_a_pipeline_with_a_modality_the_model_lacks_is_refused() -> None:
    with pytest.raises(ModelError, match="input 'video' is video"):
        check_serves("any", [Modality.AUDIO], TASKS, pipeline("any"))


def test_an_event_on_a_label_the_model_lacks_is_refused() -> None:
    asked = pipeline("any").model_copy(
        update={"events": (EventSpec(name="e", task="mood", label="medium"),)}
    )
    with pytest.raises(ModelError, match="tasks differ"):
        check_serves("any", list(Modality), TASKS, asked)


@pytest.mark.parametrize("name", ["gpu", "cpu:1", "cuda:x", "cuda:²", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(DeviceError):
        resolve_device(name)


def test_auto_finds_a_device() -> None:
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
