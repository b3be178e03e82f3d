"""What a published answer rests on, asked of topics that a real worker has served."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline
from schemas.result import Result
from schemas.units import iso_to_us
from streams.scenes.catalog import make_scene
from streams.scenes.truth import expected_windows
from streams.stack import Stack
from tests.e2e.harness import Site, site
from workers.backends.reference import ReferenceModel
from workers.explain.reader import partition_of
from workers.insight.inquiry import Inquiry
from workers.insight.on_request import inquire_on_request
from workers.insight.overlay import LEGEND_PX

pytestmark = pytest.mark.integration

START_US = 1_790_000_040_000_000
#: Everything that makes a window differ from the samples that lie in it.
CHANGES: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "cut, matched and corrected": {
        "audio": {"matcher": {"kind": "overlap"}, "clock": {"offset": "-120ms"}},
        "transcript": {"matcher": {"kind": "overlap"}, "event_time": "start", "lateness": "5s"},
        "video": {"matcher": {"kind": "nearest", "tolerance": "300ms"}},
    },
    "held and overlapping": {
        "audio": {"matcher": {"kind": "collect"}},
        "video": {"matcher": {"kind": "hold", "max_age": "10s"}},
    },
}


def a_pipeline(kind: str, number: int) -> Pipeline:
    """The shipped pipeline for calls with other matchers, under a name of its own."""
    tree = load_pipeline("call").model_dump(mode="json", exclude_unset=True)
    tree["pipeline"] = f"insight-{number}"
    tree["model"]["explain"] = {"leave_one_out": "sensors"}
    for name, change in CHANGES[kind].items():
        tree["inputs"][name] = {**tree["inputs"][name], **change}
    for spec in tree["inputs"].values():
        spec["idle_after"] = "60s"
    if kind == "held and overlapping":
        tree["window"] = {"kind": "sliding", "size": "2s", "every": "1s"}
    return Pipeline.model_validate(tree)


class Served:
    """A pipeline whose worker has published the results of a recording."""

    def __init__(self, here: Site, results: list[Result]) -> None:
        self.here = here
        self.results = [one for one in results if one.final]
        self._model = ReferenceModel.load(here.pipeline, device="cpu", threads=1)

    async def ask(self, result: Result) -> Inquiry:
        partitions = self.here.pipeline.partitions
        return await inquire_on_request(
            self._model,
            self.here.pipeline,
            result.session,
            iso_to_us(result.window.start),
            self.here.settings.kafka,
            partition=partition_of(result.session, partitions),
        )


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(kind, marks=[pytest.mark.slow] if change else [])
        for kind, change in CHANGES.items()
    ],
)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, servers: Stack
) -> Iterator[Served]:
    """The pipeline of each kind, after one worker has read a backlog of two calls."""
    pipeline = a_pipeline(request.param, list(CHANGES).index(request.param))
    scene = make_scene("call", sessions=2, seconds=12.0, seed=5, start_us=START_US)
    with site(pipeline, tmp_path_factory.mktemp("insight"), servers) as here:
        yield Served(here, asyncio.run(_serve(here, scene, pipeline)))


async def _serve(here: Site, scene: Any, pipeline: Pipeline) -> list[Result]:
    await here.feed(scene.items())
    await here.end_sessions(scene.sessions)
    await here.start_worker().ready()
    return await here.results(len(expected_windows(scene, pipeline)))


async def test_every_window_read_again_gives_the_answer_that_was_published(served: Served) -> None:
    assert len(served.results) >= 12
    for result in served.results:
        insight = (await served.ask(result)).insight
        assert insight.limits == (), result.window
        assert insight.agreement.same, (insight.agreement, result.window)
        assert insight.probability == pytest.approx(insight.published, abs=1e-4)


async def test_contributions_asked_for_later_are_those_in_the_result(served: Served) -> None:
    result = served.results[len(served.results) // 2]
    assert (await served.ask(result)).insight.contributions == result.contributions


async def _explain(served: Served, *arguments: str) -> tuple[int, str, str]:
    """`sensorium explain` in a process of its own: status, output, complaint."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "workers.cli",
        "explain",
        *arguments,
        "-p",
        served.here.pipeline_arg,
        env=served.here.environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 90.0)
    return process.returncode or 0, out.decode(), err.decode()


async def test_the_command_saves_a_png_of_each_frame_and_a_json_that_agrees(
    served: Served, tmp_path: Path
) -> None:
    result = max(served.results, key=lambda one: one.sensors["camera.customer"].used)
    wanted = ("--heat-map", "--task", "sentiment", "--out", str(tmp_path / "heat"))
    status, out, err = await _explain(served, result.session, result.window.start, *wanted)
    assert (status, err) == (0, "")
    (beside,) = (tmp_path / "heat").glob("*.json")
    insight = json.loads(beside.read_text())
    answer = result.tasks["sentiment"]
    assert insight["label"] == answer.label
    assert insight["probability"] == answer.probabilities[answer.label]
    assert insight["model"]["digest"] == result.model.digest
    assert insight["method"]["name"] == "integrated gradients"
    frames = [one for one in insight["pictures"] if one["modality"] == "video"]
    assert len(frames) == result.sensors["camera.customer"].used
    for one in frames:
        assert (one["width"], one["height"]) == (160, 120)
        png = (tmp_path / "heat" / one["file"]).read_bytes()
        decoded = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None
        scale = one["scale"]
        assert decoded.shape == (120 * scale + LEGEND_PX, 160 * scale, 3)
    assert "share, by leaving it out" in out
    assert f"sentiment: {answer.label}" in out
    assert max(len(line) for line in out.splitlines()) <= 100
