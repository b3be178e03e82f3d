"""Another model takes over under load: every window has one final result, of either model.

What a model makes of a window is known from a worker that had that model alone and read the same
recording as a backlog. A result of the run has to be that, whole, of the model that it names.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from schemas.result import Result
from schemas.units import iso_to_us
from tests.e2e.releases import NAME, Releases, served_version, total, until
from tests.e2e.ways import Recording, Run, as_backlog, contents, running

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

RECORDING = Recording(NAME, "shipped", sessions=6, seconds=30, speed=2.5)
SHIPPED, FUSION, ENCODERS, DAMAGED = "1.0.0", "2.0.0", "3.0.0", "4.0.0"


@dataclass
class World:
    """The recording, versions of its model, and what each of them alone makes of it."""

    folder: Path
    releases: Releases
    #: digest -> result id -> content, of a run with that model alone
    alone: dict[str, Mapping[str, bytes]] = field(default_factory=dict)
    #: version -> its digest, as results had it
    digests: dict[str, str] = field(default_factory=dict)

    async def knowing(self, *versions: str) -> World:
        """The world, once these versions were learnt."""
        for version in versions:
            if version not in self.digests:
                await self._learn(version)
        return self

    async def _learn(self, version: str) -> None:
        """Read the recording with one version alone."""
        self.releases.registry.activate(NAME, version)
        async with self.run(f"alone-{version}") as run:
            await as_backlog(1)(run)
            results = await run.here.results(RECORDING.windows, timeout_s=120)
        (self.digests[version],) = {one.model.digest for one in results}
        self.alone[self.digests[version]] = contents(results)

    @asynccontextmanager
    async def run(self, name: str) -> AsyncIterator[Run]:
        async with running(RECORDING, self.folder / name) as run:
            self.releases.serve(run.here)
            yield run

    def assert_whole(self, results: Sequence[Result], *versions: str) -> None:
        """Every window has its one final result, which is what the model that it names makes of it
        alone; and each of these models made some.
        """
        found = contents(results)
        assert len(found) == RECORDING.windows
        digest_of = {one.id: one.model.digest for one in results}
        assert set(digest_of.values()) == {self.digests[version] for version in versions}
        for id_, content in found.items():
            assert content == self.alone[digest_of[id_]][id_]


async def play(run: Run, first: float, last: float) -> None:
    """Play this share of the recording live; at its end the sessions are over."""
    items = run.recording.items
    part = items[int(first * len(items)) : int(last * len(items))]
    await run.here.feed(part, speed=run.recording.speed)
    if last == 1:
        await run.here.end_sessions(run.recording.session_names)


async def exchanged(run: Run, change: Callable[[], object], version: str) -> list[Result]:
    """Have another version activated while the recording is played, and wait until every worker
    serves it before the last third; returns the results.
    """
    feeding = asyncio.create_task(play(run, 0, 0.7))
    await run.published(0.3)
    change()
    for worker in run.here.workers:
        await until(lambda worker=worker: served_version(worker) == version)  # type: ignore[misc]
    await feeding
    await play(run, 0.7, 1)
    return await run.here.results(RECORDING.windows, timeout_s=120)


def switches(results: Sequence[Result]) -> list[int]:
    """How often the model changes over each session's windows, in their order."""
    ordered = sorted(
        {one.id: one for one in results}.values(),
        key=lambda one: (one.session, iso_to_us(one.window.start)),
    )
    return [
        len([*groupby(windows, key=lambda one: one.model.digest)]) - 1
        for _, windows in groupby(ordered, key=lambda one: one.session)
    ]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Versions: the shipped one, another fusion, other encoders, and one that is damaged."""
    folder = tmp_path_factory.mktemp("reload")
    releases = Releases(folder / "models")
    assert releases.shipped == SHIPPED
    releases.other_fusion(FUSION)
    releases.other_encoders(ENCODERS)
    releases.other_fusion(DAMAGED)
    releases.damage(DAMAGED)
    return World(folder, releases)


@pytest.mark.slow
@pytest.mark.parametrize("second", [FUSION, ENCODERS], ids=["same features", "other features"])
@pytest.mark.parametrize("workers", [1, 2])
async def test_a_version_that_is_activated_under_load_takes_over_between_two_windows(
    world: World, second: str, workers: int
) -> None:
    await world.knowing(SHIPPED, second)
    world.releases.registry.activate(NAME, SHIPPED)
    async with world.run(f"exchange-{second}-{workers}") as run:
        await run.workers(workers)
        activate = partial(world.releases.registry.activate, NAME, second)
        results = await exchanged(run, activate, second)
    world.assert_whole(results, SHIPPED, second)
    assert set(switches(results)) == {1}


@pytest.mark.slow
async def test_a_roll_back_under_load_takes_over_as_an_activation_does(world: World) -> None:
    await world.knowing(SHIPPED, ENCODERS)
    world.releases.registry.activate(NAME, SHIPPED)
    world.releases.registry.activate(NAME, ENCODERS)
    async with world.run("roll-back") as run:
        await run.workers(1)
        roll_back = partial(world.releases.registry.roll_back, NAME)
        results = await exchanged(run, roll_back, SHIPPED)
    world.assert_whole(results, ENCODERS, SHIPPED)
    assert set(switches(results)) == {1}


@pytest.mark.slow
async def test_a_damaged_version_is_refused_under_load_and_the_former_one_goes_on(
    world: World,
) -> None:
    await world.knowing(SHIPPED)
    world.releases.registry.activate(NAME, SHIPPED)
    async with world.run("damaged") as run:
        (worker,) = await run.workers(1)
        run.play()
        await run.published(0.3)
        world.releases.registry.activate(NAME, DAMAGED)
        await until(lambda: total(worker, "sensorium_model_refused") == 1)
        shown = await asyncio.to_thread(show, run)
        await run.played()
        results = await run.here.results(RECORDING.windows, timeout_s=120)
        log = worker.log.read_text()
    world.assert_whole(results, SHIPPED)
    assert log.count(f"version {DAMAGED} is refused, version {SHIPPED} goes on") == 1
    (said,) = shown["workers"]
    assert (said["version"], said["refused"]["version"]) == (SHIPPED, DAMAGED)
    assert "digest mismatch" in said["refused"]["reason"]


def show(run: Run) -> dict[str, Any]:
    """What `sensorium models show` says of the model."""
    command = [sys.executable, "-m", "workers.cli", "models", "show", NAME, "--json"]
    done = subprocess.run(
        [*command, "--pipeline", run.here.pipeline_arg],
        env=run.here.environ,
        capture_output=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


@pytest.mark.slow
async def test_a_worker_with_other_encoders_takes_over_from_one_that_was_killed(
    world: World, tmp_path: Path
) -> None:
    await world.knowing(SHIPPED, ENCODERS)
    other = Releases(tmp_path / "models")
    other.other_encoders(ENCODERS)
    other.registry.activate(NAME, ENCODERS)
    world.releases.registry.activate(NAME, SHIPPED)
    async with world.run("takeover") as run:
        (first,) = await run.workers(1)
        await play(run, 0, 0.4)
        other.serve(run.here)
        await run.workers(1)
        feeding = asyncio.create_task(play(run, 0.4, 1))
        await run.published(0.5)
        first.kill()
        await feeding
        results = await run.here.results(RECORDING.windows, timeout_s=120)
    world.assert_whole(results, SHIPPED, ENCODERS)
    assert set(switches(results)) == {1}


@pytest.mark.slow
async def test_a_worker_that_gets_sighup_looks_at_the_registry_at_once(world: World) -> None:
    world.releases.registry.activate(NAME, SHIPPED)
    async with world.run("sighup") as run:
        run.here.variables["SENSORIUM_WORKER__MODEL_POLL_MS"] = "3600000"
        (worker,) = await run.workers(1)
        world.releases.registry.activate(NAME, FUSION)
        os.kill(worker.process.pid, signal.SIGHUP)
        await until(lambda: served_version(worker) == FUSION)
