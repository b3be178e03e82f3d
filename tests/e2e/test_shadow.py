"""A shadow beside the real worker: the same windows, on a topic of its own, compared."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from schemas.pipeline import Pipeline
from schemas.result import Result, decode_result
from streams.stack import Stack
from tests.e2e.harness import Site, site
from tests.e2e.releases import NAME, Releases, total, until
from tests.e2e.ways import Recording
from workers.registry.layout import SHIPPED

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300), pytest.mark.slow]

RECORDING = Recording(NAME, "shipped", sessions=3, seconds=20, speed=4)
TWIN, FUSION, ENCODERS = "1.0.1", "2.0.0", "3.0.0"

_ALONE: dict[tuple[str, str], Any] = {}


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """Versions: the shipped one once more, one with another fusion, one with other encoders."""
    made = Releases(tmp_path_factory.mktemp("shadow") / "models")
    made.registry.add(SHIPPED / NAME, version=TWIN)
    made.other_fusion(FUSION)
    made.other_encoders(ENCODERS)
    return made


def shadowed(version: str) -> Pipeline:
    tree = RECORDING.pipeline.model_dump(mode="json")
    tree["pipeline"] = f"call-{version.replace('.', '-')}"
    tree["model"]["shadow"] = {"name": NAME, "version": version}
    return Pipeline.model_validate(tree)


@asynccontextmanager
async def compared(
    releases: Releases, version: str, folder: Path, servers: Stack
) -> AsyncIterator[tuple[Site, list[Result], list[Result]]]:
    """The site, final results, and the shadow's, once each window was answered by both."""
    with site(shadowed(version), folder, servers) as here:
        releases.serve(here)
        worker = here.start_worker()
        await worker.ready()
        await play(here)
        results = await here.results(RECORDING.windows)
        await until(
            lambda: total(worker, "sensorium_shadow_windows_total") == RECORDING.windows, 60
        )
        yield here, results, await shadows(here)


async def play(here: Site) -> None:
    await here.feed(RECORDING.items, speed=RECORDING.speed)
    await here.end_sessions(RECORDING.session_names)


async def shadows(here: Site) -> list[Result]:
    records = await here.collect("shadow", lambda found: True, settle_s=1.0)
    return [decode_result(one.value or b"") for one in records]


def agreement(here: Site) -> list[dict[str, Any]]:
    """What `sensorium models agreement` says."""
    command = [sys.executable, "-m", "workers.cli", "models", "agreement", "--json"]
    done = subprocess.run(
        [*command, "--pipeline", here.pipeline_arg],
        env=here.environ,
        capture_output=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def answers(results: Sequence[Result]) -> dict[tuple[str, str], Any]:
    """Session and start of each window -> what was answered."""
    return {(one.session, one.window.start): one.tasks for one in results}


async def alone(releases: Releases, folder: Path, servers: Stack) -> dict[tuple[str, str], Any]:
    """The answers of a worker without a shadow, worked out once."""
    if not _ALONE:
        tree = RECORDING.pipeline.model_dump(mode="json") | {"pipeline": "call-alone"}
        with site(Pipeline.model_validate(tree), folder, servers) as here:
            releases.serve(here)
            here.start_worker()
            await play(here)
            _ALONE.update(answers(await here.results(RECORDING.windows)))
    return _ALONE


async def test_the_same_model_as_shadow_agrees_in_every_window(
    releases: Releases, tmp_path: Path, servers: Stack
) -> None:
    async with compared(releases, TWIN, tmp_path, servers) as (here, results, shadow):
        found = agreement(here)
    assert {one.id for one in shadow} == {one.id for one in results}
    assert {one.model.version for one in shadow} == {TWIN}
    assert {one.model.version for one in results} == {releases.shipped}
    assert [(one["equal"], one["difference"]) for one in found] == [(1.0, 0.0)] * len(found)
    assert {one["windows"] for one in found} == {RECORDING.windows}


@pytest.mark.parametrize("version", [FUSION, ENCODERS], ids=["other fusion", "other encoders"])
async def test_another_model_as_shadow_agrees_less_and_changes_no_result(
    releases: Releases, tmp_path: Path, servers: Stack, version: str
) -> None:
    async with compared(releases, version, tmp_path, servers) as (here, results, shadow):
        found = agreement(here)
        (worker,) = here.workers
        answered = total(worker, "sensorium_shadow_windows_total", outcome="published")
    assert {one.model.version for one in shadow} == {version}
    assert {one.id for one in shadow} <= {one.id for one in results}
    assert len(shadow) == answered > 0
    assert all(one["difference"] > 0 for one in found)
    assert answers(results) == await alone(releases, tmp_path / "alone", servers)
