"""The parts of a training, one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tests.learned.worlds import a_network
from tests.train.worlds import quick, small_plan
from workers.learned.plan import TaskPlan
from workers.learned.steps import InputBatch
from workers.train.averaging import WeightAverage
from workers.train.loss import hide_inputs, label_weights, loss_of, only_one_input
from workers.train.optimisation import Constant, Cosine, EarlyStopping, Ema, Plateau, Step, Swa
from workers.train.schedule import factor
from workers.train.scores import deciding, scores_of


def inputs(there: list[list[bool]]) -> list[InputBatch]:
    """A batch of each input with one sample where it is there; rows first."""
    present = torch.tensor(there)
    return [
        InputBatch(torch.ones(len(there), 1, 2), torch.zeros(len(there), 1, dtype=torch.int64), one)
        for one in present.T.unsqueeze(-1)
    ]


def shown(batches: list[InputBatch]) -> np.ndarray:
    return np.stack([batch.present[:, 0].numpy() for batch in batches], axis=1)


def test_a_cosine_rises_and_falls_to_its_end() -> None:
    rules = Cosine(warmup=0.5, end=0.1)
    found = [factor(rules, step, 100, 1, []) for step in (0, 49, 50, 75, 100)]
    assert found == pytest.approx([0.02, 1.0, 1.0, 0.55, 0.1])


def test_a_constant_rate_rises_to_1_and_stays() -> None:
    assert [factor(Constant(warmup=0.2), step, 10, 1, []) for step in (0, 1, 2, 9)] == [
        0.5, 1.0, 1.0, 1.0,
    ]  # fmt: skip


def test_steps_multiply_every_so_many_epochs() -> None:
    rules = Step(every=2, factor=0.5)
    assert [factor(rules, 0, 1, epoch, []) for epoch in (1, 2, 3, 5)] == [1.0, 1.0, 0.5, 0.25]


def test_a_plateau_multiplies_where_no_epoch_was_better() -> None:
    rules = Plateau(patience=2, factor=0.5)
    scores = [0.1, 0.2, 0.2, 0.1, 0.3, 0.2, 0.2]
    assert [factor(rules, 0, 1, 1, scores[:n]) for n in (0, 3, 4, 5, 7)] == [
        1.0, 1.0, 0.5, 0.5, 0.25,
    ]  # fmt: skip


def test_hiding_inputs_never_hides_all_that_are_there() -> None:
    there = [[True, True, True], [True, False, False], [False, True, True]] * 50
    hidden = shown(hide_inputs(inputs(there), 0.9, np.random.default_rng(0)))
    assert hidden.any(axis=1).all()
    assert not (hidden & ~np.asarray(there)).any()
    assert hidden.sum() < np.asarray(there).sum()


def test_a_window_without_anything_stays_so() -> None:
    assert not shown(hide_inputs(inputs([[False, False]]), 0.5, np.random.default_rng(0))).any()


def test_one_input_of_those_that_are_there_is_left_alone() -> None:
    there = [[True, True, False]] * 200
    found = shown(only_one_input(inputs(there), np.random.default_rng(0)))
    assert (found.sum(axis=1) == 1).all()
    assert found[:, :2].any(axis=0).all()
    assert not found[:, 2].any()


def test_balanced_labels_count_inversely_to_how_often_they_occur() -> None:
    task = TaskPlan(labels=("a", "b", "c"), loss="balanced")
    found = label_weights(task, np.asarray([0, 0, 0, 1, -1]))
    assert found is not None
    assert found.tolist() == pytest.approx([4 / 6, 2.0, 0.0])


def test_a_row_without_a_label_contributes_nothing() -> None:
    plan = small_plan(tasks={"mood": {"labels": ["low", "high"]}})
    logits = torch.tensor([[1.0, 2.0], [9.0, -9.0]])
    both = loss_of({"mood": logits}, {"mood": torch.tensor([1, -1])}, plan, {"mood": None})
    alone = loss_of({"mood": logits[:1]}, {"mood": torch.tensor([1])}, plan, {"mood": None})
    assert both is not None
    assert alone is not None
    assert float(both) == float(alone)


def test_without_any_label_there_is_no_loss() -> None:
    plan = small_plan(tasks={"mood": {"labels": ["low", "high"]}})
    truth = {"mood": torch.tensor([-1])}
    assert loss_of({"mood": torch.zeros(1, 2)}, truth, plan, {"mood": None}) is None


def test_scores_by_hand() -> None:
    said = np.asarray([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.7, 0.3], [0.5, 0.5]])
    found = scores_of(said, np.asarray([0, 0, 1, 1, -1]))
    assert found["accuracy"] == 0.75
    assert found["balanced_accuracy"] == 0.75
    assert found["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert found["loss"] == pytest.approx(-np.log([0.9, 0.8, 0.6, 0.3]).mean())


def test_a_lower_loss_decides_as_a_higher_score() -> None:
    rules = EarlyStopping(metric="loss")
    better, worse = {"mood": {"loss": 0.1}}, {"mood": {"loss": 0.2}}
    first, second = deciding(better, rules), deciding(worse, rules)
    assert first is not None
    assert second is not None
    assert first > second


def test_nothing_scored_decides_nothing() -> None:
    assert deciding({"mood": {}}, EarlyStopping()) is None


def test_an_average_of_epochs_is_their_mean() -> None:
    network, average = a_network(), WeightAverage(Swa(start=2))
    weight = next(network.parameters())
    for epoch, value in ((1, 50.0), (2, 1.0), (3, 4.0)):
        torch.nn.init.constant_(weight, value)
        average.after_epoch(network, epoch)
    name = next(iter(dict(network.named_parameters())))
    assert torch.allclose(average.weights(network)[name], torch.full_like(weight, 2.5))


def test_a_moving_average_follows_the_weights() -> None:
    network, average = a_network(), WeightAverage(Ema(decay=0.5))
    name, weight = next(iter(network.named_parameters()))
    for value in (0.0, 0.0, 8.0):
        torch.nn.init.constant_(weight, value)
        average.after_step(network)
    assert torch.allclose(average.weights(network)[name], torch.full_like(weight, 4.0))


def test_an_average_that_would_begin_after_the_end_is_refused() -> None:
    with pytest.raises(ValidationError, match="expected at most epochs"):
        quick(epochs=3, average={"kind": "swa", "start": 4})
