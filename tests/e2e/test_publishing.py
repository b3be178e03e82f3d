"""When results and events are published, through the real worker on small recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from schemas.event import decode_event
from schemas.result import Result
from schemas.units import US_PER_MS, iso_to_us
from streams.stack import Stack
from tests.e2e.harness import Site
from tests.e2e.probe import LOUD, MOOD, given
from tests.e2e.small import (
    CAMERA,
    SESSION,
    START_US,
    WORDS,
    a_pipeline,
    an_input,
    by_start_ms,
    frames,
    notes,
    sample,
    worker_on,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


def revisions(results: Sequence[Result], start_ms: int) -> list[tuple[int, str, bool, list[str]]]:
    """Number, cause, whether final, and what the model was given, of one window's results."""
    start_us = START_US + start_ms * US_PER_MS
    return [
        (one.revision, one.cause, one.final, given(one))
        for one in results
        if iso_to_us(one.window.start) == start_us
    ]


async def until_published(here: Site, count: int) -> None:
    """Wait for so many results, early ones included."""
    await here.collect("results", lambda records: len(records) >= count, settle_s=0)


async def test_a_slow_transcript_revises_an_early_result_and_one_is_final(
    tmp_path: Path, servers: Stack
) -> None:
    pipeline = a_pipeline(
        {"camera": CAMERA, "words": WORDS},
        {"size": "200ms"},
        results={"early_after": "100ms"},
    )
    async with worker_on(pipeline, tmp_path, servers) as here:
        await here.feed(frames([0, 100, 250, 400]))
        await until_published(here, 1)
        await here.feed(notes([50, 350]))
        await here.end_sessions([SESSION])
        results = await here.results(3)
    assert revisions(results, 0) == [
        (0, "early", False, ["cam=f0", "cam=f100"]),
        (1, "watermark", True, ["cam=f0", "asr=w50", "cam=f100"]),
    ]
    assert by_start_ms(results) == {
        0: ["cam=f0", "asr=w50", "cam=f100"],
        200: ["cam=f250", "asr=w350"],
        400: ["cam=f400"],
    }


async def test_a_sample_within_the_allowed_lateness_makes_a_revision_before_the_final_one(
    tmp_path: Path, servers: Stack
) -> None:
    pipeline = a_pipeline(
        {"camera": CAMERA}, {"size": "200ms"}, results={"allowed_lateness": "300ms"}
    )
    async with worker_on(pipeline, tmp_path, servers) as here:
        await here.feed(frames([0, 350]))
        await until_published(here, 1)
        await here.feed(frames([150]))
        await until_published(here, 2)
        await here.feed(frames([650]))
        await here.end_sessions([SESSION])
        results = await here.results(3)
    assert revisions(results, 0) == [
        (0, "watermark", False, ["cam=f0"]),
        (1, "late", False, ["cam=f0", "cam=f150"]),
        (2, "watermark", True, ["cam=f0", "cam=f150"]),
    ]
    assert by_start_ms(results) == {
        0: ["cam=f0", "cam=f150"],
        200: ["cam=f350"],
        600: ["cam=f650"],
    }


async def test_a_sample_that_comes_after_its_window_goes_to_late_with_its_reason(
    tmp_path: Path, servers: Stack
) -> None:
    backlog = frames([0, 400, 120, 450])
    pipeline = a_pipeline({"camera": CAMERA}, {"size": "200ms"})
    async with worker_on(pipeline, tmp_path, servers, backlog) as here:
        await here.end_sessions([SESSION])
        results = await here.results(2)
        (late,) = await here.collect("late", lambda records: len(records) >= 1, settle_s=0.2)
    assert by_start_ms(results) == {0: ["cam=f0"], 400: ["cam=f400", "cam=f450"]}
    headers = dict(late.headers)
    assert (late.key, late.value) == (SESSION.encode(), b"f120")
    assert (headers["late.reason"], headers["late.by_ms"]) == (b"behind_sensor", b"180.000")


async def test_the_end_of_a_session_closes_its_open_event(tmp_path: Path, servers: Stack) -> None:
    backlog = [sample("words", "asr", at, payload) for at, payload in ((0, LOUD), (350, LOUD))]
    pipeline = a_pipeline(
        {"words": WORDS},
        {"size": "200ms"},
        events=[{"name": "noise", "task": MOOD, "label": "loud"}],
    )
    async with worker_on(pipeline, tmp_path, servers, backlog) as here:
        opened = await here.collect("events", lambda records: len(records) >= 1, settle_s=0.2)
        await here.end_sessions([SESSION])
        changes = await here.collect("events", lambda records: len(records) >= 2, settle_s=0.2)
    assert [decode_event(one.value or b"").action for one in opened] == ["opened"]
    first, last = (decode_event(one.value or b"") for one in changes)
    assert (last.action, last.event_id, last.windows) == ("closed", first.event_id, 2)


async def test_a_held_value_is_still_used_after_redis_was_wiped(
    tmp_path: Path, servers: Stack
) -> None:
    pipeline = a_pipeline(
        {
            "camera": CAMERA,
            "words": an_input("text", "asr", matcher={"kind": "hold", "max_age": "10s"}),
        },
        {"size": "200ms"},
    )
    async with worker_on(pipeline, tmp_path, servers) as here:
        # The second note lets windows close up to its own; it is held from there on.
        await here.feed([*notes([50, 520]), *frames([0, 200, 400, 520])])
        await until_published(here, 2)
        servers.redis.wipe()
        await here.feed([*notes([1200]), *frames([600, 800, 1000, 1200])])
        await here.end_sessions([SESSION])
        results = await here.results(7)
    assert by_start_ms(results) == {
        0: ["cam=f0", "asr=w50"],
        200: ["asr=w50", "cam=f200"],
        400: ["cam=f400", "asr=w520", "cam=f520"],
        600: ["asr=w520", "cam=f600"],
        800: ["asr=w520", "cam=f800"],
        1000: ["asr=w520", "cam=f1000"],
        1200: ["asr=w1200", "cam=f1200"],
    }
