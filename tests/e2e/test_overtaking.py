"""What the broker has is waited for, however long the worker takes to get to it."""

from __future__ import annotations

import asyncio
import os
import signal
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.harness import Site, WorkerProcess, site
from tests.e2e.probe import SLOW
from tests.e2e.small import SESSION, a_pipeline, an_input, by_start_ms, frames, sample

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

#: Records of a worker's chunk, unless it is configured otherwise.
CHUNK = 1_000
#: Silence after which the camera is idle; every test makes it silent for longer.
CAMERA = an_input("video", "cam", idle_after="500ms")
#: Shorter than the 2 s after which the broker would take a silent worker for dead.
FROZEN_S = 1.2


async def held_back(worker: WorkerProcess) -> None:
    """Wait until the worker holds an input back."""

    def count() -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        (line,) = [one for one in lines if one.startswith("sensorium_held_back_partitions{")]
        return float(line.split()[-1])

    async with asyncio.timeout(30):
        while True:
            if await asyncio.to_thread(count):
                return
            await asyncio.sleep(0.02)


async def frames_of_each_second(here: Site, windows: int) -> list[bool]:
    """Whether each window has the frame of its second; no sample may have been late."""
    results = await here.results(windows)
    late = await here.collect("late", lambda found: True, settle_s=0.5)
    given = [f"cam=f{at}" in names for at, names in sorted(by_start_ms(results).items())]
    assert not late, given
    return given


@pytest.mark.slow
async def test_an_input_that_is_held_back_is_not_taken_for_read(tmp_path: Path) -> None:
    """The camera is read and far ahead of the words, hence held back while a slow chunk of words
    is encoded. New frames come meanwhile; the words must not overtake them.
    """
    first = [sample("words", "asr", at, b"w") for at in range(CHUNK)]
    slow = [sample("words", "asr", at, SLOW) for at in range(1_000, 20_000, 1_000)]
    pipeline = a_pipeline(
        {"camera": CAMERA, "words": an_input("text", "asr")},
        {"size": "1s"},
        limits={"max_ahead": "2s"},
    )
    with site(pipeline, tmp_path) as here:
        await here.feed([*first, *slow])
        await here.feed(frames(range(0, 10_000, 1_000)))
        worker = here.start_worker("probe")
        await worker.ready()
        await held_back(worker)
        await here.feed(frames(range(10_000, 20_000, 1_000)))
        await here.end_sessions([SESSION])
        assert await frames_of_each_second(here, 20) == [True] * 20


async def test_a_worker_that_was_stopped_waits_for_what_came_meanwhile(tmp_path: Path) -> None:
    """The camera was silent, as the worker's clock has it, when it goes on; its frames are there,
    and the words that are there too must not overtake them.
    """
    words = [sample("words", "asr", at, b"w") for at in range(0, 10_000, 100)]
    pipeline = a_pipeline({"camera": CAMERA, "words": an_input("text", "asr")}, {"size": "1s"})
    with site(pipeline, tmp_path) as here:
        worker = here.start_worker("probe")
        await worker.ready()
        await here.feed([*words[:15], *frames([0, 1_000])])
        await here.collect("results", lambda found: len(found) >= 1, settle_s=0)
        os.kill(worker.process.pid, signal.SIGSTOP)
        try:
            await here.feed(words[15:])
            await here.feed(frames(range(2_000, 10_000, 1_000)))
            await here.end_sessions([SESSION])
            await asyncio.sleep(FROZEN_S)
        finally:
            os.kill(worker.process.pid, signal.SIGCONT)
        assert await frames_of_each_second(here, 10) == [True] * 10
