"""Samples that make the model fail, through a real worker: each harms itself alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.pipeline import Pipeline
from schemas.result import Result
from streams.feed.item import FeedItem
from streams.records import Record
from streams.stack import Stack
from tests.e2e.harness import Site, site
from tests.e2e.small import START_US, a_pipeline, an_input
from tests.inference.fragile import POISON_ENCODE, POISON_FUSE, POISON_NAN, TASK

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

SESSIONS = [f"s-{number:02d}" for number in range(64)]
CAMERA = an_input("video", "cam")
WORDS = an_input("text", "asr")


def pipeline() -> Pipeline:
    return a_pipeline({"camera": CAMERA, "words": WORDS}, {"size": "1s"})


def recording(poisoned: dict[str, bytes]) -> list[FeedItem]:
    """One window of each session, a frame and two texts in it; a poisoned session's frame says
    what fails.
    """
    items = []
    for session in SESSIONS:
        frame = poisoned.get(session, b"frame") + b" of " + session.encode()
        for name, sensor, kind, at_us, payload in (
            ("words", "asr", "text/plain", 100_000, b"hello"),
            ("camera", "cam", "image/jpeg", 500_000, frame),
            ("words", "asr", "text/plain", 900_000, b"world"),
        ):
            start_us = START_US + at_us
            items.append(
                FeedItem(session, name, sensor, start_us, start_us, kind, payload, at_us, 0)
            )
    return sorted(items, key=lambda item: item.due_us)


async def worked_off(here: Site, poisoned: dict[str, bytes]) -> dict[str, Result]:
    """Session -> its final result; each has to come exactly once."""
    await here.feed(recording(poisoned))
    await here.start_worker("fragile").ready()
    await here.end_sessions(SESSIONS)
    results = [one for one in await here.results(len(SESSIONS)) if one.final]
    assert sorted(one.session for one in results) == SESSIONS
    return {one.session: one for one in results}


def header(record: Record, name: str) -> str:
    return dict(record.headers)[name].decode()


@pytest.mark.parametrize("poison", [POISON_FUSE, POISON_NAN, POISON_ENCODE])
async def test_of_64_sessions_63_results_are_whole_and_the_poisoned_sample_is_one_dead_letter(
    tmp_path: Path, stack: Stack, poison: bytes
) -> None:
    with site(pipeline(), tmp_path, stack) as here:
        results = await worked_off(here, {"s-41": poison})
        letters = await here.collect("dlq", lambda records: len(records) >= 1)
    whole = [one for one in results.values() if one.session != "s-41"]
    assert {one.sensors["cam"].used for one in whole} == {1}
    assert {one.tasks[TASK].label for one in whole} == {"some"}
    (letter,) = letters
    assert (letter.key, letter.value) == (b"s-41", poison + b" of s-41")
    assert header(letter, "dlq.original.topic") == here.pipeline.topic("camera")
    assert header(letter, "ce_source") == "cam"


@pytest.mark.parametrize(
    ("poison", "stage", "reason"),
    [(POISON_FUSE, "fuse", "fusion_failed"), (POISON_NAN, "fuse", "non_finite_answer")],
)
async def test_the_poisoned_window_is_a_result_in_which_the_sensor_is_absent_as_invalid(
    tmp_path: Path, stack: Stack, poison: bytes, stage: str, reason: str
) -> None:
    with site(pipeline(), tmp_path, stack) as here:
        result = (await worked_off(here, {"s-07": poison}))["s-07"]
        (letter,) = await here.collect("dlq", lambda records: len(records) >= 1)
    assert result.tasks[TASK].label == "some"
    camera = result.sensors["cam"]
    assert (camera.samples, camera.used, camera.invalid, camera.absent) == (1, 0, 1, "invalid")
    assert result.sensors["asr"].used == 2
    assert (header(letter, "dlq.stage"), header(letter, "dlq.reason")) == (stage, reason)


async def test_everything_is_committed_once_the_dead_letter_is_there(
    tmp_path: Path, stack: Stack
) -> None:
    with site(pipeline(), tmp_path, stack) as here:
        await worked_off(here, {"s-07": POISON_FUSE})
        assert here.workers[0].stop() == 0
        # A second worker has nothing left to do.
        await here.start_worker("fragile").ready()
        results = await here.results(len(SESSIONS))
        letters = await here.collect("dlq", lambda records: len(records) >= 1)
    assert len(results) == len(SESSIONS)
    assert len(letters) == 1
