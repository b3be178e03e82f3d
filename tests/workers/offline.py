"""Recordings for tests of the offline aligner, with everything in them that may go wrong."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline
from streams.feed.item import FeedItem
from streams.scenes.catalog import make_scene

START_US = 946_684_800_000_000


def call_pipeline(window: dict[str, Any] | None = None, **inputs: dict[str, Any]) -> Pipeline:
    """The shipped call pipeline on one partition, with changes to its window and inputs."""
    tree = load_pipeline("call").model_dump(mode="json", exclude_unset=True)
    tree |= {"partitions": 1, "events": []}
    tree["window"] |= window or {}
    for name, changes in inputs.items():
        tree["inputs"][name] |= changes
    return Pipeline.model_validate(tree)


def call_items(sessions: int = 2, seconds: float = 12.0) -> list[FeedItem]:
    """A simulated call of several sessions, by ``due_us``."""
    scene = make_scene("call", sessions=sessions, seconds=seconds, seed=5, start_us=START_US)
    return list(scene.items())


def spoiled(items: Sequence[FeedItem], seed: int = 1) -> list[FeedItem]:
    """Every twentieth payload is cut short, every thirtieth comes 3 s late, some never come."""
    rng = random.Random(seed)
    made: list[FeedItem] = []
    for number, item in enumerate(items):
        if rng.random() < 0.05:
            continue
        if number % 20 == 7:
            item = replace(item, payload=item.payload[: len(item.payload) // 3 | 1])
        if number % 30 == 11:
            item = replace(item, due_us=item.due_us + 3_000_000)
        made.append(item)
    return sorted(made, key=lambda item: item.due_us)
