"""What counts as agreement of two models."""

from __future__ import annotations

import pytest

from schemas.result import ModelRef, Quality, Result, TaskResult, Timings, WindowSpan, task_result
from streams.agreement import Pairing, Tally, compare

ONE, TWO = ModelRef("m", "1", "00"), ModelRef("m", "2", "11")


def result(id_: str, model: ModelRef = ONE, loud: float = 0.9, final: bool = True) -> Result:
    return Result(
        id=id_,
        pipeline="p",
        session="s",
        window=WindowSpan("", ""),
        revision=0,
        final=final,
        tasks={"noise": task_result({"loud": loud, "calm": 1 - loud})},
        modalities={},
        sensors={},
        quality=Quality(1.0, 0.0, []),
        model=model,
        timings=Timings(0, 0.0, 0.0),
    )


def test_the_same_answer_agrees_fully() -> None:
    found = compare(result("a").tasks, result("a").tasks)["noise"]
    assert (found.equal, found.difference) == (True, 0.0)


def test_the_difference_is_the_mean_over_the_labels() -> None:
    found = compare(result("a", loud=0.9).tasks, result("a", loud=0.2).tasks)["noise"]
    assert (found.equal, found.difference) == (False, pytest.approx(0.7))


def test_a_label_that_one_model_lacks_has_probability_zero() -> None:
    ours = {"noise": TaskResult("loud", {"loud": 1.0})}
    theirs = {"noise": TaskResult("calm", {"calm": 1.0})}
    assert compare(ours, theirs)["noise"].difference == 1.0


def test_only_tasks_that_both_answer_are_compared() -> None:
    theirs = {"mood": TaskResult("low", {"low": 1.0})}
    assert compare(result("a").tasks, theirs) == {}


@pytest.mark.parametrize("shadow_first", [True, False])
def test_results_are_paired_by_id_whichever_comes_first(shadow_first: bool) -> None:
    pairing, primary, shadow = Pairing(), result("a"), result("a", TWO)
    steps = [lambda: pairing.add_primary(primary), lambda: pairing.add_shadow(shadow)]
    found = [list(step()) for step in (steps[::-1] if shadow_first else steps)]
    assert found == [[], [(primary, shadow)]]


def test_results_before_the_final_one_are_paired_with_nothing() -> None:
    pairing = Pairing()
    assert list(pairing.add_primary(result("a", final=False))) == []
    assert list(pairing.add_shadow(result("a", TWO))) == []


def test_what_the_other_side_never_answers_is_forgotten() -> None:
    pairing = Pairing(max_waiting=2)
    for id_ in "abc":
        assert list(pairing.add_primary(result(id_))) == []
    assert list(pairing.add_shadow(result("a", TWO))) == []
    assert len(list(pairing.add_shadow(result("c", TWO)))) == 1


def test_a_tally_gives_the_share_of_equal_labels_and_the_mean_difference() -> None:
    tally = Tally()
    tally.add(result("a", loud=0.9), result("a", TWO, loud=0.8))
    tally.add(result("b", loud=0.9), result("b", TWO, loud=0.2))
    (found,) = tally.agreements()
    assert (found.primary, found.shadow, found.task, found.windows) == (ONE, TWO, "noise", 2)
    assert (found.equal, found.difference) == (0.5, pytest.approx(0.4))


def test_models_are_told_apart() -> None:
    tally = Tally()
    tally.add(result("a"), result("a", TWO))
    tally.add(result("b", TWO), result("b", TWO))
    assert [(one.primary, one.windows) for one in tally.agreements()] == [(ONE, 1), (TWO, 1)]
