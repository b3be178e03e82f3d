"""Every way in which samples enter windows, once through the real worker on a small recording."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from schemas.event import decode_event
from schemas.pipeline import Pipeline
from schemas.result import Result
from schemas.units import US_PER_MS, iso_to_us
from streams.feed.item import FeedItem
from streams.stack import Stack, embedded_stack
from tests.e2e.harness import Site, site
from tests.e2e.probe import LOUD, MOOD, given

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

START_US = 1_790_000_040_000_000
SESSION = "s-1"
#: 8 kHz and 16 bit: 8 frames a millisecond.
PCM = "audio/pcm;rate=8000;channels=1;format=s16le"
FRAMES_PER_MS = 8

_NAMES = itertools.count()


@pytest.fixture(scope="module")
def servers() -> Iterator[Stack]:
    with embedded_stack() as stack:
        yield stack


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


@dataclass(frozen=True)
class Case:
    """A backlog, and what each window's model has to be given of it."""

    name: str
    pipeline: Pipeline
    items: list[FeedItem]
    expected: dict[int, list[str]] = field(default_factory=dict)


def overlapping_chunks() -> Case:
    """Chunks of 300 ms on windows of 200 ms: each is cut where windows meet."""

    def chunk(at_ms: int) -> FeedItem:
        first = at_ms * FRAMES_PER_MS
        values = range(first, first + 300 * FRAMES_PER_MS)
        pcm = b"".join(value.to_bytes(2, "little") for value in values)
        return sample("voice", "mic", at_ms, pcm, to_ms=at_ms + 300, content_type=PCM)

    return Case(
        "overlap",
        a_pipeline(
            {"voice": an_input("audio", "mic", matcher={"kind": "overlap"})}, {"size": "200ms"}
        ),
        [chunk(0), chunk(300), chunk(600)],
        {
            0: ["mic=0+1600"],
            200: ["mic=1600+800", "mic=2400+800"],
            400: ["mic=3200+1600"],
            600: ["mic=4800+1600"],
            800: ["mic=6400+800"],
        },
    )


CASES = [
    Case(
        "sliding",
        a_pipeline({"camera": CAMERA}, {"kind": "sliding", "size": "400ms", "every": "200ms"}),
        frames([0, 150, 300, 450]),
        {
            -200: ["cam=f0", "cam=f150"],
            0: ["cam=f0", "cam=f150", "cam=f300"],
            200: ["cam=f300", "cam=f450"],
            400: ["cam=f450"],
        },
    ),
    Case(
        "triggered by one camera",
        a_pipeline(
            {
                "camera": an_input("video", "cam", "rear"),
                "words": an_input("text", "asr", matcher={"kind": "nearest", "tolerance": "60ms",
                                                          "reference": "trigger"}),
            },
            {"kind": "triggered", "size": "100ms", "sensor": "cam", "before": "50ms"},
        ),
        [
            *frames([100, 230, 300]),
            *frames([120, 240, 500], "rear"),
            *notes([90, 260, 400]),
        ],
        {
            50: ["asr=w90", "cam=f100", "rear=f120"],
            180: ["cam=f230", "rear=f240", "asr=w260"],
            250: ["asr=w260", "cam=f300"],
        },
    ),
    Case(
        "nearest, exclusive",
        a_pipeline(
            {
                "camera": CAMERA,
                "words": an_input("text", "asr", matcher={"kind": "nearest", "tolerance": "300ms",
                                                          "exclusive": True}),
            },
            {"size": "200ms"},
        ),
        # References are at 100, 300 and 500. The sample at 290 is the nearest to 300; the window
        # before takes 120 and must not take it, the one after has only what 300 left over.
        [*frames([0, 200, 400]), *notes([120, 290, 380])],
        {
            0: ["cam=f0", "asr=w120"],
            200: ["cam=f200", "asr=w290"],
            400: ["asr=w380", "cam=f400"],
        },
    ),
    Case(
        "hold",
        a_pipeline(
            {
                "camera": CAMERA,
                "words": an_input("text", "asr", matcher={"kind": "hold", "max_age": "500ms"}),
            },
            {"size": "200ms"},
        ),
        [*frames([0, 200, 400, 600, 800]), *notes([50, 450])],
        {
            0: ["cam=f0", "asr=w50"],
            200: ["asr=w50", "cam=f200"],
            400: ["cam=f400", "asr=w450"],
            600: ["asr=w450", "cam=f600"],
            800: ["cam=f800"],
        },
    ),
    overlapping_chunks(),
]  # fmt: skip


@asynccontextmanager
async def worker_on(
    pipeline: Pipeline, folder: Path, servers: Stack, backlog: Sequence[FeedItem] = ()
) -> AsyncIterator[Site]:
    """A site with a worker of the pipeline that is ready; the backlog is there before it."""
    with site(pipeline, folder, servers) as here:
        await here.feed(backlog)
        await here.start_worker("probe").ready()
        yield here


@pytest.fixture(scope="module")
def at_work(servers: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    """Case -> its topics and its worker; all workers start together, to wait for it once."""
    with ExitStack() as running:
        sites = {
            case.name: running.enter_context(
                site(case.pipeline, tmp_path_factory.mktemp("case"), servers)
            )
            for case in CASES
        }
        for here in sites.values():
            here.start_worker("probe")
        yield sites


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_each_window_is_given_what_the_matchers_say(
    case: Case, at_work: dict[str, Site]
) -> None:
    here = at_work[case.name]
    await here.feed(case.items)
    await here.end_sessions([SESSION])
    results = await here.results(len(case.expected))
    assert by_start_ms(results) == case.expected


# -- when results are published ------------------------------------------------------------------


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
