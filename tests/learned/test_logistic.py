"""Regressions that are solved, and what a network makes of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from schemas.pipeline_file import parse_pipeline
from schemas.units import US_PER_S
from streams.feed.item import FeedItem
from workers.datasets.base import DataSet, Label
from workers.datasets.making import START_US, in_order, vector, words
from workers.datasets.windows import LabelledWindow, LabelledWindows, label_windows
from workers.errors import PlanError
from workers.learned.plan import ModelPlan
from workers.train.logistic import fit_logistic, regression
from workers.train.predict import predict

PIPELINE = parse_pipeline(
    """
pipeline: clips
inputs:
  picture: {modality: video, sensors: [probe], expected: false, lateness: 0s}
  notes: {modality: text, sensors: [clinician], expected: false, lateness: 0s}
window: {size: 1s}
model: {name: none}
""",
    "clips.yaml",
)
LABELS = ("well", "ill")
STRENGTH = {"picture": 0.5, "notes": 5.0}
PLAN = ModelPlan.model_validate(
    {
        "encoders": {"picture": {"kind": "vector"}, "notes": {"kind": "ngrams"}},
        "projection": {"norm": False},
        "fusion": {"form": "evidence", "width": 2},
        "tasks": {"state": {"labels": LABELS, "loss": "balanced"}},
    }
)


def clips(count: int = 24) -> DataSet:
    """Every third clip is ill and every second has a note; frames are vectors of four values."""
    rng = np.random.default_rng(2)
    ill = [at % 3 == 0 for at in range(count)]
    values = [rng.standard_normal((2, 4)) + (0.8 if sick else 0.0) for sick in ill]

    def items() -> list[FeedItem]:
        found = []
        for at, frames in enumerate(values):
            found += [
                vector(f"c{at}", "picture", "probe", START_US, each.astype(np.float32), n)
                for n, each in enumerate(frames)
            ]
            if at % 2 == 0:
                said = "consolidation seen" if ill[at] else "thin line seen"
                found.append(words(f"c{at}", "notes", "clinician", START_US, said))
        return found

    return DataSet(
        "clips",
        lambda: in_order(items()),
        sorted(
            Label(f"c{at}", START_US, START_US + US_PER_S, "state", LABELS[sick])
            for at, sick in enumerate(ill)
        ),
        {"state": LABELS},
        {},
        "",
        True,
        "",
    )


@pytest.fixture(scope="module")
def windows() -> LabelledWindows:
    return label_windows(clips(), PIPELINE)


@pytest.mark.parametrize("strength", [0.05, 3.0])
def test_the_regression_is_that_of_scikit_learn(strength: float) -> None:
    rng = np.random.default_rng(1)
    features, truth = rng.standard_normal((40, 5)), np.arange(40) % 7 % 3
    weights, bias = regression(features, truth, 3, strength)
    theirs = LogisticRegression(C=strength, class_weight="balanced", tol=1e-8, max_iter=5_000)
    theirs.fit(features, truth)
    logits = features @ weights.T + bias
    ours = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert ours == pytest.approx(theirs.predict_proba(features), abs=1e-3)


def test_the_network_says_what_the_regressions_say_together(windows: LabelledWindows) -> None:
    trained = fit_logistic(windows, PLAN, STRENGTH, seed=1)
    both = predict(trained.model(), windows).probabilities["state"]
    picture = predict(trained.model(), windows.without(["notes"])).probabilities["state"]
    notes = predict(trained.model(), windows.without(["picture"])).probabilities["state"]
    there = np.array([at % 2 == 0 for at in map(_number, windows.windows)])
    product = picture * notes
    product /= product.sum(axis=1, keepdims=True)
    assert both[there] == pytest.approx(product[there], abs=1e-5)
    assert both[~there] == pytest.approx(picture[~there], abs=1e-6)


def test_without_one_input_the_answer_is_that_of_a_model_that_never_had_it(
    windows: LabelledWindows,
) -> None:
    both = fit_logistic(windows, PLAN, STRENGTH, seed=1)
    alone_plan = PLAN.model_copy(update={"encoders": {"picture": PLAN.encoders["picture"]}})
    alone = fit_logistic(windows.without(["notes"]), alone_plan, STRENGTH, seed=1)
    shown = windows.without(["notes"])
    assert predict(both.model(), shown).probabilities["state"] == pytest.approx(
        predict(alone.model(), shown).probabilities["state"], abs=1e-6
    )


def test_it_learns(windows: LabelledWindows) -> None:
    trained = fit_logistic(windows, PLAN, STRENGTH, seed=1)
    said = predict(trained.model(), windows).probabilities["state"].argmax(axis=1)
    assert (said == windows.indices("state")).mean() > 0.8


def test_the_same_windows_give_the_same_weights(windows: LabelledWindows) -> None:
    one = fit_logistic(windows, PLAN, STRENGTH, seed=1).network.state_dict()
    other = fit_logistic(windows, PLAN, STRENGTH, seed=2).network.state_dict()
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_an_input_without_windows_of_a_label_is_told(windows: LabelledWindows) -> None:
    well = windows.only(
        at
        for at, one in enumerate(windows.windows)
        if one.labels["state"] == "well" or _number(one) % 2
    )
    with pytest.raises(PlanError, match=r"encoders\.notes: expected windows of every label"):
        fit_logistic(well, PLAN, STRENGTH, seed=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"fusion": {"form": "sum", "width": 2}},
            'plan: model.fusion.form: expected "evidence", to be solved, got "sum"',
        ),
        (
            {"fusion": {"form": "evidence", "width": 3}},
            "plan: model.fusion.width: expected 2, one for each label, got 3",
        ),
        (
            {"projection": {"norm": True}},
            "plan: model.projection.norm: expected false, to be solved, got true",
        ),
        (
            {"projection": {"norm": False, "hidden": [4]}},
            "plan: model.projection.hidden: expected [], to be solved, got [4]",
        ),
        ({"members": 2}, "plan: model.members: expected 1, to be solved, got 2"),
    ],
)
def test_a_plan_that_cannot_be_solved_is_refused(
    windows: LabelledWindows, changes: dict[str, object], message: str
) -> None:
    other = ModelPlan.model_validate({**PLAN.model_dump(mode="json"), **changes})
    with pytest.raises(PlanError) as caught:
        fit_logistic(windows, other, STRENGTH, seed=1)
    assert str(caught.value) == message


def _number(window: LabelledWindow) -> int:
    return int(window.session[1:])
