"""The shipped model of real X-rays, vital signs and notes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from schemas.pipeline_file import load_pipeline
from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window, WindowSample
from streams.compute import BadSample, Fusion
from workers.learned.file import LoadedLearned, load_learned
from workers.learned.model import LearnedModel
from workers.model_file import WEIGHTS_FILE
from workers.registry.layout import SHIPPED

FOLDER = SHIPPED / "diagnosis-real"
LARGEST_BYTES = 4_000_000


@pytest.fixture(scope="module")
def loaded() -> LoadedLearned:
    return load_learned(FOLDER)


@pytest.fixture(scope="module")
def model(loaded: LoadedLearned) -> LearnedModel:
    inputs = {name: spec.modality for name, spec in load_pipeline("diagnosis-real").inputs.items()}
    return LearnedModel(loaded.network, ModelRef("m", "1", ""), inputs, torch.device("cpu"))


def x_ray(side: tuple[int, int], suffix: str = ".png") -> bytes:
    picture = np.random.default_rng(4).integers(0, 256, (28, 28), np.uint8)
    large = cv2.resize(picture, side, interpolation=cv2.INTER_CUBIC)
    return bytes(cv2.imencode(suffix, large)[1].data)


def answered(model: LearnedModel, name: str, content_type: str, payload: bytes) -> Fusion:
    modality = {"imaging": Modality.IMAGE, "notes": Modality.TEXT, "vitals": Modality.SERIES}[name]
    sample = Sample(
        session="p", sensor=name, input=name, modality=modality, start_us=0, end_us=0,
        content_type=content_type, payload=payload, topic="t", partition=0, offset=0,
    )  # fmt: skip
    decoded = model.decode(sample)
    assert not isinstance(decoded, BadSample)
    (feature,) = model.encode(modality, [decoded])
    kept = (WindowSample(name, name, 0, 0, 0, feature),)
    (answer,) = model.fuse([Window(0, "p", 0, 300_000_000, kept, {}, 0)])
    return answer


def test_its_weights_are_small() -> None:
    assert (FOLDER / WEIGHTS_FILE).stat().st_size < LARGEST_BYTES


def test_its_card_says_what_it_may_not_be_used_for_and_what_it_was_trained_on() -> None:
    card = (FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "Not a medical device" in card
    assert "CC BY 4.0" in card
    assert "PneumoniaMNIST" in card


def test_events_are_of_tasks_and_labels_that_it_has(model: LearnedModel) -> None:
    for event in load_pipeline("diagnosis-real").events:
        assert event.label in model.tasks[event.task]


@pytest.mark.parametrize("side", [(28, 28), (640, 512), (31, 300)])
def test_an_x_ray_of_any_size_is_answered(model: LearnedModel, side: tuple[int, int]) -> None:
    answer = answered(model, "imaging", "image/png", x_ray(side))
    assert set(answer.tasks) == {"pneumonia"}
    assert sum(answer.tasks["pneumonia"].values()) == pytest.approx(1.0)


def test_a_note_gives_its_section_and_nothing_about_the_patient(model: LearnedModel) -> None:
    answer = answered(model, "notes", "text/plain", b"No known drug allergies.")
    assert set(answer.tasks) == {"note_section"}
    said = answer.tasks["note_section"]
    assert max(said, key=said.__getitem__) == "allergy"


def test_vital_signs_give_news2(model: LearnedModel) -> None:
    answer = answered(model, "vitals", "application/json", b'{"hr": 135, "resp": 26, "spo2": 97}')
    assert answer.scores is not None
    assert answer.scores["early_warning"].value == 6.0
    assert answer.tasks["early_warning"]["medium"] == 1.0


def test_its_figures_on_the_test_parts_are_in_its_description(loaded: LoadedLearned) -> None:
    figures = loaded.manifest.metrics["test"]
    assert figures["pneumonia auc"].value > 0.95
    assert figures["note_section accuracy"].value > 0.5
    assert "nih_cxr" in loaded.manifest.metrics
