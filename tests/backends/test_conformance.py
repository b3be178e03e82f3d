"""Every kind of model keeps what the protocol promises."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from schemas.pipeline import Pipeline
from schemas.sample import Modality
from streams.compute import BadSample
from tests.backends.cases import Case, distance, features, one, samples, window, windows
from tests.workers.models import pipeline
from tests.workers.payloads import sample
from workers.backends.base import Model
from workers.inference.compute import ModelCompute

KINDS = [
    "reference",
    "torch",
    "onnx",
    "transformers",
    "http",
    "http-json",
    "grpc",
    "grpc-values",
    "chat",
    "fallback",
    "python",
]
pytestmark = pytest.mark.parametrize("case", KINDS, indirect=True)


@pytest.fixture
def model(case: Case) -> Iterator[Model]:
    opened = case.open()
    yield opened
    opened.close()


def served(model: Model) -> Pipeline:
    return pipeline("model", sorted(model.modalities))


def test_it_can_be_run_without_having_been_warm_and_after(model: Model) -> None:
    given = samples(model, 1)
    before = features(model, given)
    model.warm(8)
    assert features(model, given) == before


def test_features_come_in_the_order_of_the_samples(case: Case, model: Model) -> None:
    given = samples(model)
    together = features(model, given)
    alone = [features(model, [each])[0] for each in given]
    assert len(set(together)) > len(given) // 2
    if case.exact:
        assert together == alone
        assert features(model, given[::-1])[::-1] == together
    # Where bits may differ, each feature still gives the answer that its own sample gives.
    answers = [
        model.fuse([window([each], [feature]) for each, feature in zip(given, made, strict=True)])
        for made in (together, alone)
    ]
    assert max(map(distance, *answers)) <= case.tolerance


def test_an_answer_does_not_depend_on_the_batch(case: Case, model: Model) -> None:
    given = windows(model)
    together = model.fuse(given)
    alone = [model.fuse([each])[0] for each in given]
    if case.exact:
        assert list(together) == alone
    assert max(map(distance, together, alone)) <= case.tolerance


def test_a_window_of_all_modalities_has_an_answer_of_every_task(model: Model) -> None:
    given = [one(modality, 1) for modality in sorted(model.modalities)]
    (answer,) = model.fuse([window(given, features(model, given))])
    assert set(answer.tasks) == set(model.tasks)


def test_probabilities_of_every_label_of_a_task_add_up_to_one(model: Model) -> None:
    for answer in model.fuse(windows(model)):
        for task, probabilities in answer.tasks.items():
            assert set(probabilities) == set(model.tasks[task])
            assert sum(probabilities.values()) == pytest.approx(1.0, abs=1e-9)
            assert min(probabilities.values()) >= 0.0


def test_absent_modalities_are_no_error_and_have_no_share(model: Model) -> None:
    for modality in sorted(model.modalities):
        given = [one(modality, 1)]
        (answer,) = model.fuse([window(given, features(model, given))])
        assert set(answer.modalities) <= {modality.value}


def test_the_digest_of_features_tells_models_apart_and_not_openings(
    case: Case, model: Model
) -> None:
    same, other = case.open(), case.other()
    try:
        assert same.features == model.features
        assert other.features != model.features
    finally:
        same.close()
        other.close()


def test_a_payload_that_is_none_is_a_bad_sample_and_raises_nothing(model: Model) -> None:
    for modality in model.modalities:
        nothing = sample(
            modality, "application/octet-stream", b"\xff\x00\xfe", input=modality.value
        )
        made = model.decode(nothing)
        assert isinstance(made, BadSample), modality


async def test_a_bad_sample_of_64_leaves_63_features(case: Case) -> None:
    model = case.open()
    compute = ModelCompute(served(model), model)
    modality = Modality.TEXT if Modality.TEXT in model.modalities else min(model.modalities)
    given = [one(modality, seed) for seed in range(64)]
    given[41] = sample(modality, given[0].content_type, b"\xff\x00\xfe", input=modality.value)
    try:
        results = await compute.encode(given)
    finally:
        compute.close()
    assert [i for i, each in enumerate(results) if isinstance(each, BadSample)] == [41]
