"""Fusion by adding up evidence, tasks that read some inputs only, and tasks by rule."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window, WindowSample
from streams.compute import Fusion
from workers.learned.model import LearnedModel
from workers.learned.network import LearnedNetwork
from workers.learned.plan import ModelPlan
from workers.learned.steps import InputBatch

MODALITIES = {"notes": Modality.TEXT, "other": Modality.TEXT, "vitals": Modality.SERIES}


def plan(**changes: object) -> ModelPlan:
    described = {
        "encoders": {
            "notes": {"kind": "ngrams"},
            "other": {"kind": "ngrams"},
            "vitals": {"kind": "news2"},
        },
        "projection": {"norm": False},
        "fusion": {"form": "evidence", "width": 4},
        "tasks": {
            "topic": {"labels": ["a", "b"], "inputs": ["notes"]},
            "mood": {"labels": ["x", "y", "z"]},
        },
        "rules": {"early_warning": {"kind": "news2", "input": "vitals"}},
        **changes,
    }
    return ModelPlan.model_validate(described)


@pytest.fixture
def model() -> LearnedModel:
    torch.manual_seed(3)
    network = LearnedNetwork(plan(), MODALITIES).eval()
    return LearnedModel(network, ModelRef("m", "1", ""), MODALITIES, torch.device("cpu"))


def sample(name: str, payload: bytes) -> Sample:
    text = name != "vitals"
    return Sample(
        session="p", sensor=name, input=name, modality=MODALITIES[name], start_us=0, end_us=0,
        content_type="text/plain" if text else "application/json", payload=payload, topic="t",
        partition=0, offset=0,
    )  # fmt: skip


def window(model: LearnedModel, **said: str | dict[str, float]) -> Window:
    kept = []
    for name, each in sorted(said.items()):
        payload = each.encode() if isinstance(each, str) else json.dumps(each).encode()
        decoded = model.decode(sample(name, payload))
        (feature,) = model.encode(MODALITIES[name], [decoded])  # type: ignore[list-item]
        kept.append(WindowSample(name, name, 0, 0, 0, feature))
    return Window(0, "p", 0, 60_000_000, tuple(kept), {}, 0)


def answered(model: LearnedModel, **said: str | dict[str, float]) -> Fusion:
    (answer,) = model.fuse([window(model, **said)])
    return answer


WELL = {"resp": 15.0, "spo2": 97.0, "nbp_sys": 120.0, "hr": 70.0}


def logits(network: LearnedNetwork, present: list[bool]) -> dict[str, torch.Tensor]:
    torch.manual_seed(11)
    batches = [
        InputBatch(
            torch.randn(1, 2, network.encoder(name).width),
            torch.zeros(1, 2, dtype=torch.int64),
            torch.full((1, 2), there),
        )
        for name, there in zip(network.plan.inputs, present, strict=True)
    ]
    return network.fusion(batches).logits


def test_what_inputs_say_together_is_the_sum_of_what_each_says() -> None:
    torch.manual_seed(1)
    network = LearnedNetwork(plan(), MODALITIES).eval()
    nothing = logits(network, [False, False, False])["mood"]
    both = logits(network, [True, True, False])["mood"]
    one = logits(network, [True, False, False])["mood"]
    other = logits(network, [False, True, False])["mood"]
    assert torch.allclose(both - nothing, (one - nothing) + (other - nothing), atol=1e-5)


def test_a_task_does_not_change_with_inputs_that_it_does_not_read(model: LearnedModel) -> None:
    alone = answered(model, notes="cough and fever")
    beside = answered(model, notes="cough and fever", other="all is well", vitals=WELL)
    assert beside.tasks["topic"] == pytest.approx(alone.tasks["topic"], abs=1e-6)
    assert beside.tasks["mood"] != pytest.approx(alone.tasks["mood"], abs=1e-4)


def test_a_task_without_any_of_its_inputs_is_not_answered(model: LearnedModel) -> None:
    assert set(answered(model, other="words").tasks) == {"mood"}


def test_a_rule_answers_beside_what_is_learned(model: LearnedModel) -> None:
    answer = answered(model, vitals={**WELL, "resp": 30.0})
    assert answer.tasks["early_warning"]["low-medium"] == 1.0
    assert answer.scores is not None
    assert answer.scores["early_warning"].value == 3.0


def test_a_rule_without_its_input_gives_no_score(model: LearnedModel) -> None:
    answer = answered(model, notes="words")
    assert "early_warning" not in answer.tasks
    assert answer.scores is None


def test_the_rules_tasks_are_among_the_models(model: LearnedModel) -> None:
    assert model.tasks["early_warning"] == ("low", "low-medium", "medium", "high")


def test_notes_are_bags_of_words_of_length_1(model: LearnedModel) -> None:
    encoder = model.network.encoder("notes")
    bag = encoder.decode(sample("notes", b"b-lines and more b-lines"))
    assert np.linalg.norm(bag) == pytest.approx(1.0)
    again = encoder.decode(sample("notes", b"B-lines AND more b-lines!"))
    assert np.array_equal(bag, again)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tasks": {"t": {"labels": ["a", "b"], "inputs": ["camera"]}}}, "tasks.t.inputs"),
        ({"rules": {"score": {"kind": "news2", "input": "notes"}}}, "rules.score.input"),
        ({"rules": {"mood": {"kind": "news2", "input": "vitals"}}}, "rules.mood"),
    ],
)
def test_a_plan_that_does_not_fit_together_is_refused(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        plan(**changes)
