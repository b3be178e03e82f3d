"""Training: it learns, it is repeatable, and an interruption makes no difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.train.worlds import quick, small_plan, some_windows
from workers.datasets.windows import LabelledWindows
from workers.errors import TrainError
from workers.train.checkpoint import Epoch
from workers.train.fitting import fit
from workers.train.optimisation import Optimisation
from workers.train.predict import predict
from workers.train.sample_cache import SampleCache
from workers.train.scores import scores_of
from workers.train.trained import TrainedModel


class Stopped(Exception):
    """The power fails."""


class StopAfter:
    """Ends a run once an epoch is over and its checkpoint written."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch

    def begun(self, epochs: int, steps_per_epoch: int) -> None:
        pass

    def step(self) -> None:
        pass

    def epoch(self, found: Epoch) -> None:
        if found.epoch == self._epoch:
            raise Stopped


@cache
def windows() -> LabelledWindows:
    return some_windows()


def trained(optimisation: Optimisation | None = None, **changed: Any) -> TrainedModel:
    options: dict[str, Any] = {"seed": 3, **changed}
    plan = options.pop("plan", small_plan())
    validation = options.pop("validation", windows().of_split("test"))
    training = options.pop("training", windows().of_split("train"))
    return fit(training, validation, plan, optimisation or quick(), **options)


def weights(model: TrainedModel) -> Mapping[str, Tensor]:
    return model.network.state_dict()


def same(one: TrainedModel, other: TrainedModel) -> bool:
    return all(torch.equal(weights(one)[name], value) for name, value in weights(other).items())


def test_what_can_be_told_is_learnt() -> None:
    model = trained(quick(epochs=15))
    test = windows().of_split("test")
    found = predict(model.model(), test).probabilities
    assert scores_of(found["mood"], test.indices("mood"))["accuracy"] > 0.9
    assert scores_of(found["place"], test.indices("place"))["accuracy"] > 0.9


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_the_same_seed_gives_the_same_weights_to_the_bit(optimizer: str) -> None:
    rules = quick(epochs=2, optimizer=optimizer, modality_dropout=0.3, alone=0.5)
    assert same(trained(rules), trained(rules))


def test_another_seed_gives_other_weights() -> None:
    assert not same(trained(quick(epochs=1)), trained(quick(epochs=1), seed=4))


@pytest.mark.parametrize(
    "rules",
    [
        {"optimizer": "adamw"},
        {"optimizer": "sgd", "average": {"kind": "swa", "start": 2}},
        {"optimizer": "adam", "average": {"kind": "ema"}, "schedule": {"kind": "plateau"}},
    ],
    ids=str,
)
def test_a_run_that_was_interrupted_ends_with_the_weights_of_one_that_was_not(
    tmp_path: Path, rules: dict[str, Any]
) -> None:
    optimisation = quick(epochs=4, **rules)
    with pytest.raises(Stopped):
        trained(optimisation, checkpoints=tmp_path, observer=StopAfter(2))
    resumed = trained(optimisation, checkpoints=tmp_path, resume=True)
    whole = trained(optimisation)
    assert same(resumed, whole)
    assert [one.loss for one in resumed.curve] == [one.loss for one in whole.curve]
    assert resumed.kept_epoch == whole.kept_epoch


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    trained(quick(epochs=1), checkpoints=tmp_path)
    with pytest.raises(TrainError, match="got one of another run"):
        trained(quick(epochs=1), seed=9, checkpoints=tmp_path, resume=True)


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    trained(quick(epochs=1), checkpoints=tmp_path)
    (tmp_path / "epoch-0001" / "state.safetensors").write_bytes(b"no")
    with pytest.raises(TrainError, match=r"epoch-0001: expected a checkpoint.*remove it"):
        trained(quick(epochs=1), checkpoints=tmp_path, resume=True)


def test_two_checkpoints_are_kept(tmp_path: Path) -> None:
    trained(quick(epochs=4), checkpoints=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-0003", "epoch-0004"]


def test_a_run_from_the_start_forgets_the_checkpoints_of_an_earlier_one(tmp_path: Path) -> None:
    trained(quick(epochs=4), checkpoints=tmp_path)
    trained(quick(epochs=2), seed=5, checkpoints=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-0001", "epoch-0002"]


def test_the_best_epoch_is_kept_and_a_run_ends_where_none_is_better() -> None:
    rules = quick(epochs=40, learning_rate=0.05, early_stopping={"metric": "loss", "patience": 3})
    model = trained(rules)
    losses = [-one.score for one in model.curve if one.score is not None]
    assert model.kept_epoch == 1 + int(np.argmin(losses))
    assert len(model.curve) == model.kept_epoch + 3


def test_without_validation_windows_the_last_epoch_is_kept() -> None:
    model = trained(quick(epochs=3), validation=None)
    assert model.kept_epoch == 3
    assert model.curve[-1].score is None


def test_a_task_without_any_label_stays_as_it_was_made() -> None:
    bare = [
        replace(one, labels={"mood": one.labels["mood"]})
        for one in windows().of_split("train").windows
    ]
    training = replace(windows(), windows=bare)
    rules = quick(epochs=2, weight_decay=0.0)
    once, twice = (
        trained(rules, training=training),
        trained(rules.model_copy(update={"epochs": 1}), training=training),
    )
    head = "fusion.heads.of_place.weight"
    assert torch.equal(weights(once)[head], weights(twice)[head])
    assert not torch.equal(
        weights(once)["fusion.heads.of_mood.weight"], weights(twice)["fusion.heads.of_mood.weight"]
    )


def test_a_sample_that_cannot_be_decoded_is_left_out() -> None:
    samples = list(windows().samples)
    broken = int(windows().of_split("train").windows[0].positions[0])
    samples[broken] = msgspec.structs.replace(samples[broken], payload=b"odd")
    training = replace(windows(), samples=samples).of_split("train")
    model = trained(quick(epochs=1), training=training, validation=None)
    answers = predict(model.model(), training).shares[samples[broken].modality.value]
    assert answers[0] == 0.0


def test_predictions_with_a_cache_are_those_without() -> None:
    model, test = trained(quick(epochs=1)).model(), windows().of_split("test")
    cache = SampleCache(test.samples)
    predict(model, test, cache)
    again, plain = predict(model, test, cache), predict(model, test)
    assert np.array_equal(again.probabilities["mood"], plain.probabilities["mood"])


def test_features_kept_on_disk_are_those_that_were_made(tmp_path: Path) -> None:
    model, test = trained(quick(epochs=1)).model(), windows().of_split("test")
    plain = predict(model, test)
    predict(model, test, SampleCache(test.samples, folder=tmp_path))
    assert len(list(tmp_path.iterdir())) == 2
    read = predict(model, test, SampleCache(test.samples, folder=tmp_path))
    assert np.array_equal(read.probabilities["mood"], plain.probabilities["mood"])


def test_a_cache_without_room_changes_nothing() -> None:
    model, test = trained(quick(epochs=1)).model(), windows().of_split("test")
    small = predict(model, test, SampleCache(test.samples, memory_bytes=0))
    assert np.array_equal(small.probabilities["mood"], predict(model, test).probabilities["mood"])


def test_an_encoder_of_an_input_that_is_not_there_is_refused() -> None:
    with pytest.raises(TrainError, match=r"encoders.smell: expected an input of text, audio"):
        trained(plan=small_plan(encoders={"smell": {"kind": "vector"}}))


def test_a_loss_that_is_not_finite_ends_the_run_with_a_hint() -> None:
    rules = quick(optimizer="sgd", learning_rate=1e30, gradient_clip=None, epochs=3)
    with pytest.raises(TrainError, match=r"lower optimisation\.learning_rate"):
        trained(rules)


def test_context_over_steps_is_trained_and_answers() -> None:
    sliding = some_windows(kind="sliding", size="3s", every="1s")
    plan = small_plan(context={"kind": "recurrence", "steps": 3})
    model = trained(
        quick(epochs=10), plan=plan, training=sliding.of_split("train"), validation=None
    )
    test = sliding.of_split("test")
    found = predict(model.model(), test).probabilities["mood"]
    assert scores_of(found, test.indices("mood"))["accuracy"] > 0.85
