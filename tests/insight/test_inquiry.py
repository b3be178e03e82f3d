"""An inquiry over a window in memory: other models, other versions, crowded windows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from schemas.result import ModelRef, Result, TaskResult
from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import Fusion
from tests.insight.test_occlusion import SpotModel, frame
from tests.workers.explained import START_US, pipeline, published, result, use
from tests.workers.models import TASKS, write_model
from tests.workers.models import pipeline as untrained
from tests.workers.payloads import encoded, picture, s16le, tone
from tests.workers.payloads import sample as read_sample
from workers.backends.reference import ReferenceModel
from workers.errors import InsightError
from workers.fusion.tokens import MAX_TOKENS
from workers.insight.inquiry import MAX_PICTURES, Inquiry, inquire
from workers.insight.rereading import Reread

MODEL = ModelRef("adding", "1", "0" * 64)


def frames(count: int, input: str = "camera") -> list[Sample]:
    made = read_sample(Modality.VIDEO, "image/png", frame(), sensor="cam", input=input)
    return [
        msgspec.structs.replace(made, offset=at, start_us=START_US + at, end_us=START_US + at)
        for at in range(count)
    ]


def told(yes: float, model: ModelRef = MODEL) -> Result:
    """What a worker said of one frame."""
    answer = TaskResult("yes", {"no": round(1 - yes, 4), "yes": yes})
    return result(
        tasks={"answer": answer, "else": TaskResult("a", {"a": 0.5, "b": 0.5})},
        sensors={"cam": use("camera", [(0, 0)])},
        model=model,
    )


def asked(one: Result, **wanted: str) -> Inquiry:
    reread = Reread({"cam": frames(1)})
    return inquire(SpotModel(), pipeline(), published(one), reread, **wanted)


def true_probability() -> float:
    return asked(told(0.5)).insight.probability


def test_a_model_without_gradients_is_asked_by_covering_parts_of_the_frame() -> None:
    insight = asked(told(true_probability())).insight
    assert insight.method is not None
    assert insight.method.name == "occlusion"
    (shown,) = insight.pictures
    assert (shown.hottest_x, shown.hottest_y) == pytest.approx((115 / 160, 35 / 120), abs=0.1)


def test_the_published_answer_found_again_is_the_same() -> None:
    agreement = asked(told(true_probability())).insight.agreement
    assert (agreement.same, agreement.reasons) == (True, ())


def test_another_digest_is_said_even_where_the_answer_is_the_same() -> None:
    other = ModelRef("adding", "0", "f" * 64)
    agreement = asked(told(true_probability(), other)).insight.agreement
    assert agreement.same
    assert agreement.reasons == (
        "The result is by adding 0 (ffffffffffff), the model loaded now is adding 1 "
        "(000000000000).",
    )


def test_an_answer_that_is_not_found_again_is_said_to_differ_by_how_much() -> None:
    truth = true_probability()
    agreement = asked(told(round(truth - 0.25, 4))).insight.agreement
    assert not agreement.same
    assert agreement.difference == pytest.approx(0.25, abs=1e-3)


def test_a_label_that_the_loaded_model_does_not_know_is_an_error() -> None:
    answer = TaskResult("maybe", {"maybe": 1.0})
    older = msgspec.structs.replace(told(0.5), tasks={"answer": answer})
    with pytest.raises(InsightError, match="expected a model that knows 'maybe' of task 'answer'"):
        asked(older)


def test_a_window_that_the_model_fails_on_now_is_an_error_that_says_so() -> None:
    class Fails(SpotModel):
        def fuse(self, windows: Sequence[Window]) -> Sequence[Fusion]:
            return [Fusion({}, {}, failure="fusion_failed") for _ in windows]

    with pytest.raises(InsightError, match=r"expected an answer of .*, got fusion_failed"):
        inquire(Fails(), pipeline(), published(told(0.5)), Reread({"cam": frames(1)}))


def test_a_label_that_the_result_does_not_have_is_an_error() -> None:
    with pytest.raises(InsightError, match="--label: expected one of no, yes, got 'maybe'"):
        asked(told(0.5), label="maybe")


@pytest.fixture
def network_model(tmp_path: Path) -> ReferenceModel:
    kinds = (Modality.VIDEO, Modality.AUDIO)
    write_model(tmp_path / "model", kinds)
    return ReferenceModel.load(untrained(str(tmp_path / "model"), kinds), device="cpu", threads=1)


def test_of_a_crowded_window_some_samples_are_looked_at_and_the_rest_said_not_to_be(
    network_model: ReferenceModel,
) -> None:
    tiny = encoded(picture(32, 32), ".png")
    chunk = s16le(tone(300.0, seconds=0.03))
    seen = [
        msgspec.structs.replace(one, payload=tiny, input="video") for one in frames(80, "video")
    ]
    heard = [
        read_sample(Modality.AUDIO, "audio/pcm", chunk, offset=at, sensor="mic", input="audio")
        for at in range(MAX_TOKENS)
    ]
    spec = untrained("unused", (Modality.VIDEO, Modality.AUDIO))
    tasks = {
        task: TaskResult(labels[0], dict.fromkeys(labels, 1.0 / len(labels)))
        for task, labels in TASKS.items()
    }
    one = result(
        tasks=tasks,
        sensors={
            "cam": msgspec.structs.replace(use("camera", [(0, 79)]), input="video"),
            "mic": use("audio", [(0, MAX_TOKENS - 1)]),
        },
    )
    insight = inquire(
        network_model, spec, published(one), Reread({"cam": seen, "mic": heard})
    ).insight
    assert len(insight.pictures) == MAX_PICTURES
    (limit,) = insight.limits
    assert limit == f"Only {MAX_PICTURES} samples of {MAX_TOKENS} were looked at."
