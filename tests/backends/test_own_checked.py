"""What a class of one's own gives is held to what it promises."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from schemas.model import ModelSpec
from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from tests.backends.cases import WHERE
from tests.workers.payloads import sample
from workers.backends.base import Model, StatefulModel
from workers.backends.opening import open_model
from workers.errors import AnswerError, ModelError, NonFiniteError
from workers.inference.blame import fuse_each

HALF = {"level": {"quiet": 0.5, "loud": 0.5}}
WINDOWS = [Window(0, "s", start, start + 1, (), {}, 0) for start in range(2)]


class Own:
    """A model that answers, and fails, as it is told to."""

    ref: Any = ModelRef("own", "1", "0" * 64)
    modalities: Any = (Modality.TEXT,)
    tasks: ClassVar[Any] = {"level": ["quiet", "loud"]}
    features: Any = "own-1"
    lanes: Any = 1
    answer: ClassVar[Any] = Fusion(HALF, {"text": 1.0})
    feature: ClassVar[Any] = b"f"

    def __init__(self, fails: str = "") -> None:
        self.fails = fails
        if fails == "init":
            raise FileNotFoundError("weights.npy")

    def decode(self, sample: Sample) -> bytes:
        if self.fails == "decode":
            raise KeyError("secret words")
        return sample.payload

    def encode(self, modality: Modality, decoded: Sequence[bytes]) -> Any:
        return [] if self.fails == "encode" else [self.feature for _ in decoded]

    def fuse(self, windows: Sequence[Window]) -> Any:
        if self.fails == "fuse":
            raise KeyError("secret words")
        return [self.answer for _ in windows][self.fails == "short" :]

    def warm(self, max_batch: int) -> None:
        """Nothing gets quicker."""

    def close(self) -> None:
        """Nothing is open."""


class Stateful(Own):
    states = "aa"


def opened(kind: str = "Own", **options: object) -> Model:
    target = f"{__name__}:{kind}"
    return open_model(
        ModelSpec.model_validate({"name": "own", "python": target, "options": options}), WHERE
    )


def answering(monkeypatch: pytest.MonkeyPatch, answer: object) -> Model:
    monkeypatch.setattr(Own, "answer", answer)
    return opened()


def test_an_answer_as_promised_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    (found, _) = opened().fuse(WINDOWS)
    assert (found.tasks, found.modalities) == (HALF, {"text": 1.0})


@pytest.mark.parametrize(
    ("tasks", "error", "words"),
    [
        ({"level": {"quiet": math.nan, "loud": 0.5}}, NonFiniteError, "NaN"),
        ({"level": {"quiet": 3.0, "loud": -2.0}}, AnswerError, "none negative, sum 1"),
        ({"level": {"quiet": 0.5, "silent": 0.5}}, AnswerError, "the labels .*got.*silent"),
        ({"level": {}}, AnswerError, "the labels"),
        ({"volume": {"quiet": 0.5, "loud": 0.5}}, AnswerError, r"the tasks \['level'\]"),
    ],
)
def test_probabilities_that_are_none_are_an_error_and_no_result(
    monkeypatch: pytest.MonkeyPatch, tasks: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        answering(monkeypatch, Fusion(tasks, {})).fuse(WINDOWS)


@pytest.mark.parametrize("answer", [None, HALF])
def test_what_is_no_fusion_is_named(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    with pytest.raises(AnswerError, match=r"expected a streams.compute.Fusion"):
        answering(monkeypatch, answer).fuse(WINDOWS)


@pytest.mark.parametrize("shares", [{"words": 1.0}, {"text": -1.0}])
def test_shares_that_are_of_no_modality_are_an_error(
    monkeypatch: pytest.MonkeyPatch, shares: dict[str, float]
) -> None:
    with pytest.raises(AnswerError, match="expected shares"):
        answering(monkeypatch, Fusion(HALF, shares)).fuse(WINDOWS)


def test_numbers_of_numpy_become_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    half = np.float32(0.5)
    model = answering(monkeypatch, Fusion({"level": {"loud": half, "quiet": half}}, {"text": half}))
    found = model.fuse(WINDOWS)[0]
    assert {type(value) for value in found.tasks["level"].values()} == {float}
    assert list(found.tasks["level"]) == ["quiet", "loud"]
    assert type(found.modalities["text"]) is float


def test_an_answer_too_few_is_an_error() -> None:
    with pytest.raises(AnswerError, match=r"expected 2 answers.*got 1"):
        opened(fails="short").fuse(WINDOWS)


def test_a_feature_too_few_is_an_error() -> None:
    with pytest.raises(AnswerError, match=r"expected 1 features.*got 0"):
        opened(fails="encode").encode(Modality.TEXT, [b"x"])


def test_an_array_as_feature_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Own, "feature", np.zeros(2))
    with pytest.raises(AnswerError, match=r"got ndarray; .*tobytes\(\)"):
        opened().encode(Modality.TEXT, [b"x"])


def test_a_bytearray_is_a_feature(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Own, "feature", bytearray(b"f"))
    assert opened().encode(Modality.TEXT, [b"x"]) == [b"f"]


def test_a_sample_that_its_decoder_raises_for_is_a_bad_one() -> None:
    found = opened(fails="decode").decode(sample(Modality.TEXT, "text/plain", b"secret words"))
    assert isinstance(found, BadSample)
    assert found.reason == "undecodable"
    assert "KeyError at test_own_checked.py:" in found.message
    assert "secret" not in found.message


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("ref", "own 1", "ref: expected a ModelRef"),
        ("modalities", ("text",), "modalities: expected"),
        ("tasks", {"level": ["quiet"]}, "two different labels"),
        ("tasks", {"level": ["quiet", "loud", "loud"]}, "two different labels"),
        ("features", None, "features: expected a digest"),
        ("lanes", 0, "lanes: expected 1 or more, got 0"),
    ],
)
def test_what_it_says_of_itself_is_checked_when_it_is_opened(
    monkeypatch: pytest.MonkeyPatch, key: str, value: object, words: str
) -> None:
    monkeypatch.setattr(Own, key, value)
    with pytest.raises(ModelError, match=words):
        opened()


def test_a_class_that_cannot_be_made_is_one_line() -> None:
    with pytest.raises(ModelError, match=r"cannot be made: FileNotFoundError at .*weights\.npy"):
        opened(fails="init")


def test_state_is_kept_of_one_that_keeps_state_alone() -> None:
    stateful = opened("Stateful")
    assert isinstance(stateful, StatefulModel)
    assert stateful.states == "aa"
    assert not isinstance(opened(), StatefulModel)


def test_why_windows_have_no_answer_is_logged_once_and_without_payload(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = opened(fails="fuse")
    with caplog.at_level(logging.WARNING):
        found = [*fuse_each(model.fuse, WINDOWS), *fuse_each(model.fuse, WINDOWS)]
    assert {each.failure for each in found} == {"fusion_failed"}
    (line,) = [each.getMessage() for each in caplog.records]
    assert "KeyError at test_own_checked.py:" in line
    assert "secret" not in line
