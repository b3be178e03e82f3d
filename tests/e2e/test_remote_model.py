"""A model server that dies while windows come: none is lost, and each says who answered it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline
from schemas.result import Result
from streams.scenes.catalog import make_scene
from streams.scenes.rig import SimulatedScene
from streams.scenes.truth import expected_windows
from streams.stack import Stack
from streams.stack.component import free_port
from tests.backends.servers import Chat, http_server
from tests.e2e.harness import Site, site
from workers.model_file import load_model

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

START_US = 1_790_000_040_000_000
TASKS = load_model("call").manifest.tasks
#: Recorded seconds, and a pace that leaves time for a server to go while they are played.
SECONDS, SPEED = 16.0, 3.0


def scene() -> SimulatedScene:
    return make_scene("call", sessions=2, seconds=SECONDS, seed=3, start_us=START_US)


def pipeline(name: str, port: int, **model: Any) -> Pipeline:
    """The shipped pipeline of calls with a chat model on a port."""
    tree = load_pipeline("call").model_dump(mode="json")
    for spec in tree["inputs"].values():
        spec["idle_after"] = "60s"
    tree["pipeline"] = name
    tree["model"] = {
        "name": "judge",
        "remote": {
            "kind": "chat",
            "url": f"http://127.0.0.1:{port}/v1",
            "model": "vlm",
            "prompt": "How is this call going?",
            "tasks": TASKS,
            "timeout": "5s",
            "retries": 0,
            "breaker_failures": 2,
            "breaker_pause": "1s",
        },
        **model,
    }
    return Pipeline.model_validate(tree)


def evenly(contents: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    return {task: {label: 1 / len(labels) for label in labels} for task, labels in TASKS.items()}


def windows_of(results: list[Result]) -> list[tuple[str, str]]:
    return sorted({(each.session, each.window.start) for each in results if each.final})


def expected(spec: Pipeline) -> int:
    return len(expected_windows(scene(), spec))


async def played(here: Site) -> None:
    await here.feed(scene().items(), speed=SPEED)
    await here.end_sessions(scene().sessions)


async def test_the_fall_back_answers_when_the_server_dies_and_no_window_is_lost(
    servers: Stack, tmp_path: Path, unique_name: Callable[[str], str]
) -> None:
    server, port = Chat(evenly), free_port()
    spec = pipeline(unique_name("call")[:40], port, fallback="call")
    with ExitStack() as alive, site(spec, tmp_path, servers) as here:
        alive.enter_context(http_server(server.routes(), port))
        await here.start_worker().ready()
        playing = asyncio.create_task(played(here))
        await asyncio.to_thread(server.wait_asked, 6)
        await asyncio.to_thread(alive.close)
        await playing
        results = await here.results(expected(spec))
    names = {each.model.name for each in results}
    assert names == {"judge", "call"}
    assert len(windows_of(results)) == len(results) == expected(spec)
    by_start = sorted(results, key=lambda each: each.window.start)
    assert by_start[0].model.name == "judge"
    assert by_start[-1].model.name == "call"


@pytest.mark.slow
async def test_without_a_fall_back_windows_wait_for_the_server_and_none_is_guessed(
    servers: Stack, tmp_path: Path, unique_name: Callable[[str], str]
) -> None:
    server, port = Chat(evenly), free_port()
    spec = pipeline(unique_name("call")[:40], port)
    with ExitStack() as alive, site(spec, tmp_path, servers) as here:
        first = ExitStack()
        first.enter_context(http_server(server.routes(), port))
        worker = here.start_worker()
        await worker.ready()
        playing = asyncio.create_task(played(here))
        await asyncio.to_thread(server.wait_asked, 6)
        await asyncio.to_thread(first.close)
        await playing
        assert worker.process.poll() is None
        alive.enter_context(http_server(server.routes(), port))
        results = await here.results(expected(spec))
        assert "waiting for the model" in here.logs()
    assert {each.model.name for each in results} == {"judge"}
    assert len(windows_of(results)) == len(results) == expected(spec)
