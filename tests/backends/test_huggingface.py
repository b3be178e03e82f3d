"""Classifiers of transformers from a folder: their opinions pooled, and folders not opened."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from schemas.model import ModelSpec
from schemas.sample import Modality
from streams.compute import BadSample
from tests.backends.cases import WHERE, features, one, window
from tests.backends.conftest import Folders
from tests.workers.payloads import sample
from workers.backends.base import Model
from workers.backends.huggingface.description import digests
from workers.backends.opening import open_model
from workers.errors import ModelError
from workers.registry.layout import MODEL_FILE


def opened(folder: Path, **spec: Any) -> Model:
    return open_model(ModelSpec(name=str(folder), **spec), WHERE)


@pytest.fixture
def folder(folders: Folders, tmp_path: Path) -> Path:
    """A copy, to be spoiled."""
    shutil.copytree(folders["transformers"], tmp_path / "model")
    return tmp_path / "model"


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / MODEL_FILE
    tree = json.loads(path.read_text())
    change(tree)
    path.write_text(json.dumps(tree))


def list_again(folder: Path, part: str) -> None:
    """Have the description list a classifier's files as they are now."""
    edit(folder, lambda tree: tree["classifiers"][part].update(files=digests(folder / part)))


def text(words: str) -> Any:
    return sample(Modality.TEXT, "text/plain", words.encode(), input="text")


def test_a_text_gives_the_logits_that_transformers_gives(folders: Folders) -> None:
    folder = folders["transformers"] / "text"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        expected = network(**tokenizer("cancel the plan", return_tensors="pt")).logits[0].numpy()
    (feature,) = features(opened(folders["transformers"]), [text("cancel the plan")])
    np.testing.assert_allclose(np.frombuffer(feature, "<f4"), expected, atol=1e-5)


@pytest.mark.parametrize("count", [1_500, 5_000, 16_000])
def test_a_sound_gives_the_logits_that_transformers_gives(folders: Folders, count: int) -> None:
    folder = folders["transformers"] / "audio"
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    network = transformers.AutoModelForAudioClassification.from_pretrained(folder).eval()
    pcm = (np.random.default_rng(count).normal(size=count) * 3_000).astype("<i2")
    with torch.inference_mode():
        given = extractor(pcm / np.float32(32_768), sampling_rate=16_000, return_tensors="pt")
        expected = network(**given).logits[0].numpy()
    kind = "audio/pcm;rate=16000;channels=1;format=s16le"
    sound = sample(Modality.AUDIO, kind, pcm.tobytes(), input="audio")
    (feature,) = features(opened(folders["transformers"]), [sound])
    np.testing.assert_allclose(np.frombuffer(feature, "<f4"), expected, atol=1e-6)


def logits(*values: float) -> bytes:
    return np.asarray(values, "<f4").tobytes()


def answer(model: Model, *made: tuple[Modality, bytes]) -> Any:
    given = [one(modality) for modality, _ in made]
    (found,) = model.fuse([window(given, [feature for _, feature in made])])
    return found


def test_outputs_that_mean_one_label_are_added_up(folders: Folders) -> None:
    third = logits(0.0, 0.0, 0.0)
    found = answer(opened(folders["transformers"]), (Modality.TEXT, third))
    assert found.tasks["mood"] == pytest.approx({"low": 2 / 3, "high": 1 / 3})


def test_opinions_are_pooled_by_sample_and_then_by_modality(folders: Folders) -> None:
    model = opened(folders["transformers"])
    sounds = [(Modality.AUDIO, logits(2.0, 0.0)), (Modality.AUDIO, logits(0.0, 0.0))]
    found = answer(model, *sounds, (Modality.TEXT, logits(0.0, 0.0, 0.0)))
    # Logarithms of the odds of low: 1 by the two sounds, log 2 by the text; their mean.
    odds = np.exp((1.0 + np.log(2.0)) / 2)
    assert found.tasks["mood"]["low"] == pytest.approx(odds / (1 + odds))
    assert found.modalities == {"audio": 0.5, "text": 0.5}


def test_a_task_without_a_sample_has_no_answer(folders: Folders) -> None:
    found = answer(opened(folders["transformers"]), (Modality.TEXT, logits(9.0, 0.0, 0.0)))
    assert list(found.tasks) == ["mood"]


def test_a_long_text_is_cut_to_what_the_network_takes(folders: Folders) -> None:
    (feature,) = features(opened(folders["transformers"]), [text("plan " * 5_000)])
    assert np.isfinite(np.frombuffer(feature, "<f4")).all()


def test_a_long_text_is_cut_to_the_positions_of_roberta_which_begin_behind_its_padding(
    folder: Path,
) -> None:
    config = transformers.RobertaConfig(
        vocab_size=16,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=34,
        num_labels=3,
        pad_token_id=1,
    )
    transformers.RobertaForSequenceClassification(config).save_pretrained(folder / "text")
    list_again(folder, "text")
    (feature,) = features(opened(folder), [text("plan " * 5_000)])
    assert np.isfinite(np.frombuffer(feature, "<f4")).all()


def test_a_classifier_whose_outputs_do_not_exclude_each_other_is_refused(folder: Path) -> None:
    path = folder / "text" / "config.json"
    tree = json.loads(path.read_text())
    path.write_text(json.dumps(tree | {"problem_type": "multi_label_classification"}))
    list_again(folder, "text")
    with pytest.raises(ModelError, match=r"text: expected .* exclude each other"):
        opened(folder)


def test_features_of_another_model_are_refused(folders: Folders) -> None:
    with pytest.raises(ModelError, match="features of 8 bytes, of another model"):
        answer(opened(folders["transformers"]), (Modality.TEXT, logits(0.0, 0.0)))


def test_a_truncated_frame_is_a_bad_sample(folders: Folders) -> None:
    whole = one(Modality.VIDEO)
    cut = sample(Modality.VIDEO, "image/jpeg", whole.payload[:-100], input="video")
    found = opened(folders["transformers"]).decode(cut)
    assert isinstance(found, BadSample)
    assert found.reason == "truncated_jpeg"


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_precision_changes_the_digest_of_features(folders: Folders, precision: str) -> None:
    first, second = (
        opened(folders["transformers"]),
        opened(folders["transformers"], precision=precision),
    )
    assert first.features != second.features


# -- folders that are not opened ----------------------------------------------------------------


def test_weights_that_are_pickled_are_refused(folder: Path) -> None:
    (folder / "text" / "pytorch_model.bin").write_bytes(b"x")
    list_again(folder, "text")
    with pytest.raises(ModelError, match=r"text/pytorch_model\.bin: .* run no code"):
        opened(folder)


def test_code_that_comes_along_is_refused(folder: Path) -> None:
    (folder / "text" / "modeling.py").write_text("raise SystemExit")
    list_again(folder, "text")
    with pytest.raises(ModelError, match=r"text/modeling\.py: .* run no code"):
        opened(folder)


def test_a_configuration_that_asks_for_code_is_not_given_it(folder: Path) -> None:
    path = folder / "text" / "config.json"
    tree = json.loads(path.read_text())
    tree["model_type"] = "own"
    tree["auto_map"] = {
        "AutoConfig": "modeling.OwnConfig",
        "AutoModelForSequenceClassification": "modeling.Own",
    }
    path.write_text(json.dumps(tree))
    list_again(folder, "text")
    with pytest.raises(ModelError, match="text cannot be loaded by transformers"):
        opened(folder)


def test_a_file_that_is_not_listed_is_refused(folder: Path) -> None:
    (folder / "video" / "extra.json").write_text("{}")
    with pytest.raises(ModelError, match=r"video/extra\.json: expected the files that"):
        opened(folder)


def test_a_file_of_another_digest_is_refused(folder: Path) -> None:
    with (folder / "audio" / "model.safetensors").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelError, match=r"digest mismatch: .* of audio/model\.safetensors"):
        opened(folder)


MISTAKES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a modality without classifiers": (
        lambda t: t["classifiers"].update(points=t["classifiers"].pop("text")),
        "expected a modality of",
    ),
    "a label missing": (
        lambda t: t["classifiers"]["audio"].update(labels=["low", "low"]),
        "an output for each label",
    ),
    "another number of outputs": (
        lambda t: t["classifiers"]["audio"].update(labels=["low", "high", "high"]),
        "expected 3 outputs",
    ),
    "a task without a classifier": (
        lambda t: t["classifiers"].pop("video"),
        "a classifier for every task",
    ),
    "a folder elsewhere": (
        lambda t: t["classifiers"]["audio"].update(folder="../audio"),
        "a folder's name",
    ),
    "an unknown key": (lambda t: t.update(fusion="mean"), "fusion"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_description_is_one_line(folder: Path, mistake: str) -> None:
    change, words = MISTAKES[mistake]
    edit(folder, change)
    with pytest.raises(ModelError, match=words):
        opened(folder)
