"""A model's answers behind a real broker, Redis and worker, held against its offline ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from schemas.result import Result, task_result
from schemas.settings import Settings
from tests.recipes.fakes import Quiet, Words, word_data, word_pipeline
from workers.demo.site import Site
from workers.evaluation.answering import open_trial
from workers.evaluation.in_stream import answered_in_stream, hold_against, stream_site
from workers.evaluation.predictions import Predictions
from workers.evaluation.windows import ItemKey
from workers.recipes.base import Options, StreamEquality
from workers.recipes.measure import Measured


class Streamed:
    """The fake model's answers, offline and in the stream."""

    def __init__(self, site: Site, folder: Path) -> None:
        (folder / "votes.json").write_text(json.dumps({"fine": {"good": 2}, "awful": {"bad": 2}}))
        self.offline, self.windows, self.results = asyncio.run(self._run(site, folder))

    async def _run(
        self, site: Site, folder: Path
    ) -> tuple[Predictions, frozenset[ItemKey], list[Result]]:
        data = word_data()
        async with open_trial(
            word_pipeline(), folder, data, "mood", data.groups, Settings().worker
        ) as trial:
            offline = await trial.answers()
            results = await answered_in_stream(site, trial.pipeline, trial.items(), trial.windows)
            return offline, trial.windows, results

    def held(self, results: list[Result]) -> StreamEquality:
        return hold_against("fake", self.offline, self.windows, results)


@pytest.fixture(scope="module")
def streamed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streamed]:
    with stream_site(Settings()) as site:
        yield Streamed(site, tmp_path_factory.mktemp("model"))


def test_the_stream_answers_every_item_as_offline(streamed: Streamed) -> None:
    held = streamed.held(streamed.results)
    assert held.flawless
    assert held.items == held.equal == 36


def test_a_lost_result_is_missing(streamed: Streamed) -> None:
    held = streamed.held(streamed.results[1:])
    assert (held.missing, held.flawless) == (1, False)


def test_a_result_that_comes_twice_is_doubled(streamed: Streamed) -> None:
    held = streamed.held([*streamed.results, streamed.results[0]])
    assert (held.doubled, held.flawless) == (1, False)


def test_another_label_is_unequal(streamed: Streamed) -> None:
    first = streamed.results[0]
    said = first.tasks["mood"].probabilities
    turned = task_result({"bad": said["good"], "good": said["bad"]})
    other = msgspec.structs.replace(first, tasks={"mood": turned})
    held = streamed.held([other, *streamed.results[1:]])
    assert (held.unequal, held.flawless) == (1, False)


def test_a_probability_that_is_off_by_more_than_rounding_is_unequal(streamed: Streamed) -> None:
    first = streamed.results[0]
    said = first.tasks["mood"].probabilities
    low, high = sorted(said, key=said.__getitem__)
    moved = task_result({**said, low: said[low] + 0.0003, high: said[high] - 0.0003})
    ordered = {label: moved.probabilities[label] for label in said}
    other = msgspec.structs.replace(first, tasks={"mood": task_result(ordered)})
    held = streamed.held([other, *streamed.results[1:]])
    assert held.unequal == 1
    assert held.largest_difference == pytest.approx(0.0003)


def test_a_window_that_offline_does_not_have_is_unexpected(streamed: Streamed) -> None:
    stray = msgspec.structs.replace(streamed.results[0], session="another")
    assert streamed.held([*streamed.results, stray]).unexpected == 1


def test_an_answer_that_offline_does_not_have_is_unequal(streamed: Streamed) -> None:
    offline = replace(streamed.offline, probabilities=streamed.offline.probabilities * float("nan"))
    held = hold_against("fake", offline, streamed.windows, streamed.results)
    assert held.unequal == 36


@pytest.mark.slow
def test_every_fold_has_its_own_model_in_the_stream() -> None:
    found = Measured(Words()).run(Path(), None, Options(seeds=1, quick=True, stream=True), Quiet())
    assert [one.model for one in found.stream] == [f"seed 1, fold {n}" for n in (1, 2, 3)]
    assert all(one.flawless for one in found.stream)
