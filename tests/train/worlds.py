"""A small data set that can be learnt: readings of two sensors tell a mood, one each a place."""

from __future__ import annotations

from typing import Any

import numpy as np

from schemas.pipeline import Pipeline
from streams.feed.item import FeedItem
from tests.learned.worlds import MODALITY_OF, VECTOR, WIDTHS
from workers.datasets.base import DataSet, Label, Split
from workers.datasets.windows import LabelledWindows, label_windows
from workers.learned.plan import ModelPlan
from workers.train.optimisation import Optimisation

START_US = 1_790_000_000_000_000
SECOND_US = 1_000_000
TASKS = {"mood": ("low", "high"), "place": ("here", "there")}


def a_pipeline(**window: Any) -> Pipeline:
    inputs = {
        name: {"modality": modality, "sensors": [name], "content_type": VECTOR, "lateness": "0s"}
        for name, modality in MODALITY_OF.items()
    }
    return Pipeline.model_validate(
        {
            "pipeline": "small",
            "partitions": 1,
            "inputs": inputs,
            "window": window or {"size": "1s"},
            "model": {"name": "small"},
        }
    )


def an_item(session: str, name: str, at_us: int, values: np.ndarray, number: int) -> FeedItem:
    payload = values.astype("<f4").tobytes()
    return FeedItem(session, name, name, at_us, at_us, VECTOR, payload, number, at_us)


def a_data_set(sessions: int = 12, seconds: int = 6, seed: int = 0) -> DataSet:
    """A window a second. Each third window has no text, each fifth no place."""
    rng = np.random.default_rng(seed)
    items: list[FeedItem] = []
    labels: list[Label] = []
    splits: dict[str, Split] = {}
    for number in range(sessions):
        session = f"s-{number:02d}"
        splits[session] = "test" if number % 4 == 3 else "train"
        for second in range(seconds):
            at_us = START_US + second * SECOND_US
            mood, place = rng.integers(0, 2, 2)
            text = rng.standard_normal(WIDTHS["text"]) + 2.0 * mood - 1.0
            audio = rng.standard_normal(WIDTHS["audio"])
            audio[0] += 3.0 * mood - 1.5
            audio[1] += 4.0 * place - 2.0
            if second % 3 != 2:
                items.append(an_item(session, "text", at_us, text, second))
            items.append(an_item(session, "audio", at_us + 1_000, audio, second))
            span_us = (at_us, at_us + SECOND_US)
            labels.append(Label(session, *span_us, "mood", TASKS["mood"][mood]))
            if second % 5 != 4:
                labels.append(Label(session, *span_us, "place", TASKS["place"][place]))
    items.sort(key=lambda item: item.due_us)
    labels.sort(key=lambda label: (label.session, label.start_us, label.task))
    groups = {session: session for session in splits}
    return DataSet(
        "small", lambda: iter(items), labels, TASKS, groups, "CC0-1.0", True, "made here", splits
    )


def some_windows(**window: Any) -> LabelledWindows:
    return label_windows(a_data_set(), a_pipeline(**window))


def small_plan(**changed: Any) -> ModelPlan:
    return ModelPlan.model_validate(
        {
            "encoders": {name: {"kind": "vector"} for name in MODALITY_OF},
            "fusion": {"form": "attention", "width": 16, "heads": 2},
            "projection": {"dropout": 0.1},
            "tasks": {task: {"labels": labels} for task, labels in TASKS.items()},
            **changed,
        }
    )


def quick(**changed: Any) -> Optimisation:
    return Optimisation.model_validate(
        {"epochs": 4, "batch_windows": 8, "learning_rate": 0.01, **changed}
    )
