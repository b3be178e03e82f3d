"""Contributions: exact on answers that are known, the same in any batch, never in the way."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from schemas.contributions import TaskContributions
from schemas.result import ModelRef
from streams.align.types import Window
from streams.compute import Fusion
from tests.insight.windows import MODALITY_OF, AddingModel, said, window
from workers.errors import DeviceError
from workers.insight.contributing import ContributingModel
from workers.insight.leave_one_out import Detail, without


def explained(
    *windows: Window, detail: Detail = "sensors", model: AddingModel | None = None
) -> list[TaskContributions]:
    """The contributions to ``answer`` of each window."""
    asked = ContributingModel(model or AddingModel(), MODALITY_OF, detail, max_batch=64)
    found = []
    for fusion in asked.fuse(windows):
        assert fusion.contributions is not None
        found.append(fusion.contributions.tasks["answer"])
    return found


def sigmoid(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value))


def test_the_modality_that_decides_has_all_of_the_share() -> None:
    (found,) = explained(window(said("video", "cam", 2, 2), said("audio", "mic", 0, 0)))
    assert found.label == "yes"
    assert found.modalities["video"].share == 1.0
    assert found.modalities["audio"].share == 0.0


def test_a_drop_is_the_probability_less_the_one_without_it() -> None:
    (found,) = explained(window(said("video", "cam", 2), said("audio", "mic", 1)))
    assert found.modalities["video"].drop == pytest.approx(sigmoid(3) - sigmoid(1), abs=1e-4)
    assert found.modalities["audio"].drop == pytest.approx(sigmoid(3) - sigmoid(2), abs=1e-4)


def test_shares_are_in_proportion_to_the_drops_and_add_up_to_one() -> None:
    (found,) = explained(
        window(said("video", "cam", 2), said("audio", "mic", 1), said("notes", "pen", 1))
    )
    parts = found.modalities.values()
    assert sum(part.share for part in parts) == pytest.approx(1.0, abs=2e-4)
    total = sum(part.drop for part in parts)
    assert [part.share for part in parts] == pytest.approx(
        [part.drop / total for part in parts], abs=1e-3
    )


def test_what_speaks_against_the_label_has_a_drop_below_zero_and_no_share() -> None:
    (found,) = explained(window(said("video", "cam", 3), said("audio", "mic", -1)))
    assert found.modalities["audio"].drop < 0.0
    assert found.modalities["audio"].share == 0.0
    assert found.modalities["video"].share == 1.0


def test_without_any_drop_nothing_has_a_share() -> None:
    (found,) = explained(window(said("video", "cam", 0), said("audio", "mic", 0)))
    assert {part.share for part in found.modalities.values()} == {0.0}


def test_two_sensors_of_a_modality_are_told_apart() -> None:
    (found,) = explained(window(said("audio", "mic.a", 3), said("audio", "mic.b", 0)))
    assert found.modalities["audio"].share == 1.0
    assert found.sensors["mic.a"].share == 1.0
    assert found.sensors["mic.b"].drop == 0.0


def test_sensors_are_left_out_only_where_they_are_asked_for() -> None:
    model = AddingModel()
    (found,) = explained(
        window(said("audio", "mic.a", 3), said("audio", "mic.b", 0)),
        detail="modalities",
        model=model,
    )
    assert found.sensors == {}
    assert [len(batch) for batch in model.batches] == [1, 1]


def test_a_sensor_that_is_its_modality_is_left_out_once() -> None:
    model = AddingModel()
    explained(window(said("video", "cam", 1), said("audio", "mic", 1)), model=model)
    assert [len(batch) for batch in model.batches] == [1, 2]


def test_contributions_are_the_same_alone_and_among_many_others() -> None:
    windows = [
        window(said("video", "cam", n % 5), said("audio", "mic", -n % 3), session=f"s-{n}")
        for n in range(40)
    ]
    assert explained(*windows) == [explained(one)[0] for one in windows]


def test_a_window_without_samples_has_no_contributions_of_anything() -> None:
    (found,) = explained(window())
    assert (found.modalities, found.sensors) == ({}, {})


def test_the_model_is_never_asked_for_more_windows_than_a_batch_may_have() -> None:
    model = AddingModel()
    many = [window(said("video", "cam", 1), said("audio", "mic", 1)) for _ in range(8)]
    ContributingModel(model, MODALITY_OF, "sensors", max_batch=8).fuse(many)
    assert [len(batch) for batch in model.batches] == [8, 8, 8]


def test_a_left_out_sensor_looks_like_one_that_never_came() -> None:
    reduced = without(window(said("video", "cam", 1), said("audio", "mic", 1, 1)), {1, 2})
    assert [sample.sensor for sample in reduced.samples] == ["cam"]
    assert (reduced.tallies["mic"].samples, reduced.tallies["mic"].seen) == (0, False)
    assert reduced.tallies["cam"].samples == 1


def test_where_the_model_fails_without_a_part_only_that_window_has_no_contributions() -> None:
    model = AddingModel(lambda one: one.session == "odd" and not one.samples)
    odd, plain = (window(said("video", "cam", 1), session=name) for name in ("odd", "plain"))
    lost, kept = ContributingModel(model, MODALITY_OF, "sensors", max_batch=8).fuse([odd, plain])
    assert lost.contributions is None
    assert kept.contributions is not None


def test_answers_of_two_models_are_not_compared() -> None:
    class FallsBack(AddingModel):
        def fuse(self, windows: Sequence[Window]) -> Sequence[Fusion]:
            answers = super().fuse(windows)
            other = ModelRef("small", "1", "1" * 64)
            return [
                answer if one.samples else replace(answer, model=other)
                for one, answer in zip(windows, answers, strict=True)
            ]

    asked = ContributingModel(FallsBack(), MODALITY_OF, "sensors", max_batch=8)
    (answer,) = asked.fuse([window(said("video", "cam", 2))])
    assert answer.contributions is None


def test_a_part_without_which_the_model_has_no_answer_leaves_the_answer_as_it_is() -> None:
    class Refused(AddingModel):
        def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
            return [
                answer if one.samples else Fusion({}, {}, failure="request_refused")
                for one, answer in zip(windows, super().fuse(windows), strict=True)
            ]

    asked = ContributingModel(Refused(), MODALITY_OF, "sensors", max_batch=8)
    (answer,) = asked.fuse([window(said("video", "cam", 2))])
    assert answer.contributions is None
    assert answer.tasks["answer"]["yes"] == pytest.approx(sigmoid(2))


def test_a_device_that_fails_for_the_parts_leaves_the_answer_as_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = AddingModel(lambda one: not one.samples, DeviceError("gone"))
    asked = ContributingModel(model, MODALITY_OF, "sensors", max_batch=8)
    with caplog.at_level(logging.WARNING):
        (answer,) = asked.fuse([window(said("video", "cam", 2))])
    assert answer.contributions is None
    assert answer.tasks["answer"]["yes"] == pytest.approx(sigmoid(2))
    assert "1 results without contributions: gone" in caplog.text
