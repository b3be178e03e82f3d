"""The learned model as one that answers."""

from __future__ import annotations

import msgspec
import pytest

from schemas.sample import Modality
from streams.align.types import Window
from streams.compute import BadSample
from tests.learned.worlds import (
    CPU,
    STEP_US,
    VECTOR,
    a_model,
    a_network,
    a_plan,
    a_sample,
    a_vector,
    a_window,
)
from workers.errors import ModelError, NonFiniteError
from workers.learned.encoders.vector import GivenVector
from workers.learned.model import LearnedModel, OfInput
from workers.learned.steps import MAX_SAMPLES, by_input


def windows(model: LearnedModel, counts: tuple[int, ...] = (0, 1, 2, 3, 5, 9)) -> list[Window]:
    samples = [a_vector(["text", "audio"][k % 2], k * STEP_US // 10) for k in range(9)]
    return [a_window(model, samples[:count]) for count in counts]


@pytest.mark.parametrize("form", ["attention", "sum", "concatenation"])
@pytest.mark.parametrize("context", ["none", "recurrence", "attention"])
def test_an_answer_does_not_depend_on_the_other_windows(form: str, context: str) -> None:
    steps = 1 if context == "none" else 5
    plan = a_plan(fusion={"form": form, "width": 16}, context={"kind": context, "steps": steps})
    model = a_model(plan)
    given = windows(model)
    together = model.fuse(given)
    assert [model.fuse([one])[0] for one in given] == together
    assert model.fuse(given[::-1]) == together[::-1]


def test_warming_up_changes_no_answer() -> None:
    model = a_model()
    given = windows(model)
    before = model.fuse(given)
    model.warm(64)
    assert model.fuse(given) == before


def test_probabilities_of_a_task_add_up_to_1() -> None:
    model = a_model()
    for answer in model.fuse(windows(model)):
        assert sum(answer.tasks["mood"].values()) == pytest.approx(1.0, abs=1e-12)


def test_shares_are_of_modalities() -> None:
    model = a_model()
    answer = model.fuse([a_window(model, [a_vector("text")])])[0]
    assert answer.modalities == {"text": 1.0}


def test_a_sample_of_an_input_that_the_model_has_no_encoder_for_is_bad() -> None:
    found = a_model().decode(a_sample("smell", b"\0" * 24, VECTOR, Modality.TEXT))
    assert isinstance(found, BadSample)
    assert found.reason == "unknown_input"


def test_features_of_another_model_are_refused_with_what_to_do() -> None:
    model = a_model()
    window = a_window(model, [a_vector("text")])
    foreign = msgspec.structs.replace(window.samples[0], feature=b"\0" * 8)
    window = msgspec.structs.replace(window, samples=(foreign,))
    with pytest.raises(ModelError, match=r"expected features of 24 bytes, got 8.*encoded again"):
        model.fuse([window])


def test_a_pipeline_with_the_input_in_another_modality_is_refused() -> None:
    network = a_network()
    swapped = {"text": Modality.IMAGE, "audio": Modality.AUDIO}
    with pytest.raises(ModelError, match="input 'text': expected text, the pipeline has image"):
        LearnedModel(network, a_model().ref, swapped, CPU)


def test_a_feature_that_is_not_finite_is_an_error() -> None:
    model = a_model()
    decoded = model.decode(a_vector("text"))
    assert isinstance(decoded, OfInput)
    encoder = model.network.encoder("text")
    assert isinstance(encoder, GivenVector)
    encoder.standard.mean.fill_(float("nan"))
    with pytest.raises(NonFiniteError, match="'text'"):
        model.encode(Modality.TEXT, [decoded])


def test_a_window_with_more_samples_than_are_fused_is_thinned_evenly() -> None:
    model = a_model()
    sample = a_window(model, [a_vector("text")]).samples[0]
    many = [msgspec.structs.replace(sample, offset=k) for k in range(4 * MAX_SAMPLES)]
    window = msgspec.structs.replace(a_window(model, []), samples=tuple(many))
    kept = [one.offset for one in by_input(window, ["text"])["text"]]
    assert kept == list(range(0, 4 * MAX_SAMPLES, 4))
    assert model.fuse([window])[0].modalities == {"text": 1.0}
