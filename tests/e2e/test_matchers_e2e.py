"""Every way in which samples enter windows, once through the real worker on a small recording."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from schemas.pipeline import Pipeline
from streams.feed.item import FeedItem
from streams.stack import Stack
from tests.e2e.harness import Site, site
from tests.e2e.small import (
    CAMERA,
    SESSION,
    a_pipeline,
    an_input,
    by_start_ms,
    frames,
    notes,
    sample,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

#: 8 kHz and 16 bit: 8 frames a millisecond.
PCM = "audio/pcm;rate=8000;channels=1;format=s16le"
FRAMES_PER_MS = 8


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
