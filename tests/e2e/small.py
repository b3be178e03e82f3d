"""Small recordings for the probe: one session, a handful of named samples, made-up pipelines."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from schemas.pipeline import Pipeline
from schemas.result import Result
from schemas.units import US_PER_MS, iso_to_us
from streams.feed.item import FeedItem
from streams.stack import Stack
from tests.e2e.harness import Site, site
from tests.e2e.probe import given

START_US = 1_790_000_040_000_000
SESSION = "s-1"
_NAMES = itertools.count()


def an_input(modality: str, *sensors: str, **rules: Any) -> dict[str, Any]:
    """An input whose sensors are never idle by the clock: what ends a session is said."""
    return {
        "modality": modality,
        "sensors": sensors,
        "lateness": "100ms",
        "idle_after": "60s",
        **rules,
    }


def a_pipeline(inputs: dict[str, Any], window: dict[str, Any], **more: Any) -> Pipeline:
    return Pipeline.model_validate(
        {
            "pipeline": f"case-{next(_NAMES)}",
            "partitions": 1,
            "inputs": inputs,
            "window": window,
            "model": {"name": "probe"},
            **more,
        }
    )


def sample(input: str, sensor: str, at_ms: int, payload: bytes, **other: Any) -> FeedItem:
    """One sample; ``at_ms`` counts from the recording's start, as does ``to_ms``."""
    at_us = START_US + at_ms * US_PER_MS
    end_us = START_US + other.get("to_ms", at_ms) * US_PER_MS
    kind = other.get("content_type", "text/plain")
    return FeedItem(SESSION, input, sensor, at_us, end_us, kind, payload, at_ms, end_us)


def frames(times_ms: Sequence[int], sensor: str = "cam") -> list[FeedItem]:
    """Frames of the input ``camera``, each named after its time."""
    return [sample("camera", sensor, at, b"f%d" % at, content_type="image/jpeg") for at in times_ms]


def notes(times_ms: Sequence[int]) -> list[FeedItem]:
    """Texts of the input ``words``, each named after its time."""
    return [sample("words", "asr", at, b"w%d" % at) for at in times_ms]


def by_start_ms(results: Sequence[Result]) -> dict[int, list[str]]:
    """Start of each final window -> what its model was given. A window must not come twice."""
    finals = [one for one in results if one.final]
    starts = [(iso_to_us(one.window.start) - START_US) // US_PER_MS for one in finals]
    assert len(set(starts)) == len(starts), starts
    return dict(zip(starts, map(given, finals), strict=True))


CAMERA = an_input("video", "cam")
WORDS = an_input("text", "asr")


@asynccontextmanager
async def worker_on(
    pipeline: Pipeline, folder: Path, servers: Stack, backlog: Sequence[FeedItem] = ()
) -> AsyncIterator[Site]:
    """A site with a worker of the pipeline that is ready; the backlog is there before it."""
    with site(pipeline, folder, servers) as here:
        await here.feed(backlog)
        await here.start_worker("probe").ready()
        yield here
