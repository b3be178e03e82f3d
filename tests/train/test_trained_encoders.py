"""Encoders that are trained themselves: pictures, changed by chance while they are learnt from."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from schemas.pipeline import Pipeline
from streams.feed.item import FeedItem
from tests.train.test_fitting import StopAfter, Stopped
from tests.train.worlds import SECOND_US, START_US, quick
from workers.datasets.base import DataSet, Label
from workers.datasets.windows import LabelledWindows, label_windows
from workers.learned.plan import ModelPlan
from workers.train.fitting import fit
from workers.train.predict import predict
from workers.train.trained import TrainedModel

LABELS = ("left", "right")
PLAN = ModelPlan.model_validate(
    {
        "encoders": {
            "camera": {
                "kind": "image",
                "size": [16, 16],
                "widths": [4, 8],
                "norm": "batch",
                "dropout": 0.1,
                "augment": {"contrast": 0.3, "erase": 0.1},
            }
        },
        "fusion": {"form": "sum", "width": 8},
        "tasks": {"side": {"labels": LABELS}},
    }
)


@cache
def pictures() -> LabelledWindows:
    """One noisy picture a session; an edge goes up to the left or to the right."""
    rng = np.random.default_rng(0)
    items, labels = [], []
    rows, columns = np.mgrid[:16, :16]
    for number in range(48):
        session, side = f"s-{number:02d}", number % 2
        slope = rows + columns if side else rows - columns + 15
        picture = 180.0 * (slope % 8 < 4) + rng.normal(30.0, 20.0, (16, 16))
        _, png = cv2.imencode(".png", np.clip(picture, 0, 255).astype(np.uint8))
        items.append(
            FeedItem(
                session,
                "camera",
                "cam",
                START_US,
                START_US,
                "image/png",
                png.tobytes(),
                0,
                START_US,
            )
        )
        labels.append(Label(session, START_US, START_US + SECOND_US, "side", LABELS[side]))
    pipeline = Pipeline.model_validate(
        {
            "pipeline": "pictures",
            "partitions": 1,
            "inputs": {"camera": {"modality": "image", "sensors": ["cam"]}},
            "window": {"size": "1s"},
            "model": {"name": "pictures"},
        }
    )
    data = DataSet(
        "pictures", lambda: iter(items), labels, {"side": LABELS}, {}, "CC0-1.0", True, "made here"
    )
    return label_windows(data, pipeline)


def trained(epochs: int, checkpoints: Path | None = None, **more: object) -> TrainedModel:
    training, validation = pictures().only(range(32)), pictures().only(range(32, 48))
    rules = quick(epochs=epochs, average={"kind": "ema", "decay": 0.9})
    return fit(training, validation, PLAN, rules, seed=1, checkpoints=checkpoints, **more)  # type: ignore[arg-type]


def same(one: TrainedModel, other: TrainedModel) -> bool:
    weights = one.network.state_dict()
    return all(
        torch.equal(weights[name], value) for name, value in other.network.state_dict().items()
    )


def test_what_a_picture_shows_is_learnt() -> None:
    validation = pictures().only(range(32, 48))
    found = predict(trained(12).model(), validation).probabilities["side"]
    assert (found.argmax(axis=1) == validation.indices("side")).mean() > 0.9


def test_an_encoder_in_training_is_interrupted_without_a_trace(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        trained(4, tmp_path, observer=StopAfter(2))
    assert same(trained(4, tmp_path, resume=True), trained(4))


def test_validation_between_epochs_agrees_with_what_a_worker_answers() -> None:
    model = trained(3)
    validation = pictures().only(range(32, 48))
    found = predict(model.model(), validation).probabilities["side"]
    truth = validation.indices("side")
    loss = -np.log(found[np.arange(len(truth)), truth]).mean()
    assert model.curve[model.kept_epoch - 1].scores["side"]["loss"] == pytest.approx(loss, abs=1e-4)
