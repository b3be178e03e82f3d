"""A worker killed in mid-run, Redis wiped in mid-run: the same final results, none missing."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis.asyncio as redis

from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline
from schemas.result import Result
from streams.records import Record
from streams.scenes.catalog import make_scene
from streams.scenes.rig import SimulatedScene
from streams.scenes.truth import expected_windows
from tests.e2e.harness import Site, site

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

START_US = 1_790_000_040_000_000


@dataclass(frozen=True)
class Run:
    """A scene and the pace at which it lasts about 20 s: long enough for a takeover and a
    recovery on the way.
    """

    name: str
    sessions: int
    seconds: float
    speed: float

    @property
    def pipeline(self) -> Pipeline:
        return load_pipeline(self.name)

    def scene(self) -> SimulatedScene:
        return make_scene(
            self.name, sessions=self.sessions, seconds=self.seconds, seed=11, start_us=START_US
        )

    async def end(self, here: Site) -> None:
        """A patient's sensors may be silent for a minute: say that the recording is over."""
        if self.name == "diagnosis":
            await here.end_sessions(self.scene().sessions)

    @property
    def windows(self) -> int:
        return len(expected_windows(self.scene(), self.pipeline))


RUNS = [
    pytest.param(Run("call", sessions=6, seconds=40, speed=2), id="call", marks=pytest.mark.slow),
    pytest.param(
        Run("vehicle", sessions=3, seconds=30, speed=1.5), id="vehicle", marks=pytest.mark.slow
    ),
    pytest.param(
        Run("diagnosis", sessions=6, seconds=1200, speed=60), id="diagnosis", marks=pytest.mark.slow
    ),
]


def labels(results: list[Result]) -> dict[str, dict[str, str]]:
    """Result id -> the label of each task."""
    return {each.id: {task: one.label for task, one in each.tasks.items()} for each in results}


def sample_counts(results: list[Result]) -> dict[str, dict[str, int]]:
    """Result id -> samples per sensor."""
    return {each.id: {name: use.samples for name, use in each.sensors.items()} for each in results}


async def undisturbed(run: Run, folder: Path) -> list[Result]:
    """One worker and a backlog: everything is there before the worker reads."""
    with site(run.pipeline, folder) as here:
        await here.feed(run.scene().items())
        await run.end(here)
        await here.start_worker().ready()
        return await here.results(run.windows)


async def disturbed(run: Run, folder: Path) -> list[Result]:
    """Two workers on a live stream: one is killed, then Redis is wiped."""
    with site(run.pipeline, folder) as here:
        first, second = here.start_worker(), here.start_worker()
        await asyncio.gather(first.ready(), second.ready())
        feeding = asyncio.create_task(here.feed(run.scene().items(), speed=run.speed))
        await some_results(here, run.windows // 4)
        first.kill()
        await some_results(here, run.windows // 2)
        client = redis.Redis.from_url(here.stack.redis_url)
        await client.flushall()
        await client.aclose()
        assert not feeding.done(), "the run was over before it was disturbed; slow it down"
        await feeding
        await run.end(here)
        results = await here.results(run.windows, timeout_s=120)
        assert second.stop() == 0
        return results


async def with_redis_away(run: Run, folder: Path) -> list[Result]:
    """One worker on a live stream: Redis dies, and comes back empty some seconds later."""
    with site(run.pipeline, folder) as here:
        worker = here.start_worker()
        await worker.ready()
        feeding = asyncio.create_task(here.feed(run.scene().items(), speed=run.speed))
        await some_results(here, run.windows // 3)
        here.stack.redis.kill()
        await worker.unready()
        here.stack.redis.restart()
        await worker.ready()
        assert not feeding.done(), "the run was over before it was disturbed; slow it down"
        await feeding
        await run.end(here)
        return await here.results(run.windows, timeout_s=120)


async def with_a_frozen_worker(run: Run, folder: Path) -> list[Result]:
    """Two workers on a live stream: one is stopped until the other has its shards, and wakes."""
    with site(run.pipeline, folder) as here:
        first, second = here.start_worker(), here.start_worker()
        await asyncio.gather(first.ready(), second.ready())
        feeding = asyncio.create_task(here.feed(run.scene().items(), speed=run.speed))
        await some_results(here, run.windows // 4)
        first.process.send_signal(signal.SIGSTOP)
        await some_results(here, 2 * run.windows // 3)
        first.process.send_signal(signal.SIGCONT)
        await feeding
        await run.end(here)
        results = await here.results(run.windows, timeout_s=120)
        assert (first.stop(), second.stop()) == (0, 0)
        return results


async def some_results(here: Site, count: int) -> list[Record]:
    return await here.collect("results", lambda records: len(records) >= count, settle_s=0)


@pytest.mark.slow
async def test_a_redis_that_is_away_for_a_while_changes_no_final_result(tmp_path: Path) -> None:
    run = Run("call", sessions=4, seconds=40, speed=2)
    calm = await undisturbed(run, tmp_path / "calm")
    rough = await with_redis_away(run, tmp_path / "rough")
    assert sample_counts(rough) == sample_counts(calm)
    assert labels(rough) == labels(calm)


@pytest.mark.slow
async def test_sigterm_ends_a_worker_whose_redis_is_gone(tmp_path: Path) -> None:
    run = Run("call", sessions=2, seconds=10, speed=2)
    with site(run.pipeline, tmp_path) as here:
        worker = here.start_worker()
        await worker.ready()
        here.stack.redis.kill()
        await here.feed(run.scene().items())
        await worker.unready()
        assert await asyncio.to_thread(worker.stop) == 0


@pytest.mark.slow
async def test_a_worker_that_was_frozen_does_no_harm_when_it_wakes(tmp_path: Path) -> None:
    run = Run("call", sessions=6, seconds=60, speed=2)
    calm = await undisturbed(run, tmp_path / "calm")
    rough = await with_a_frozen_worker(run, tmp_path / "rough")
    assert sample_counts(rough) == sample_counts(calm)
    assert labels(rough) == labels(calm)


@pytest.mark.parametrize("run", RUNS)
async def test_a_killed_worker_and_a_wiped_redis_change_no_final_result(
    run: Run, tmp_path: Path
) -> None:
    calm = await undisturbed(run, tmp_path / "calm")
    rough = await disturbed(run, tmp_path / "rough")
    assert len(labels(calm)) == len(calm) == run.windows
    assert sample_counts(rough) == sample_counts(calm)
    assert labels(rough) == labels(calm)
