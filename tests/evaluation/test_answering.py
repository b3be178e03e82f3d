"""What a model is shown of the data, and what is held against it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from schemas.settings import Settings
from streams.feed.item import FeedItem
from tests.recipes.fakes import START_US, S, word_data, word_pipeline
from workers.datasets.base import DataSet, Label
from workers.errors import DataSetError, EvaluationError
from workers.evaluation.answering import Trial, View, open_trial
from workers.evaluation.windows import keep_inputs, shifted

T = TypeVar("T")
VOTES = {"fine": {"good": 2}, "awful": {"bad": 2}, "plus": {"good": 1}, "minus": {"bad": 1}}


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., Any]:
    """Run something with a trial of a model that knows all words."""
    (tmp_path / "votes.json").write_text(json.dumps(VOTES))

    def asked(
        use: Callable[[Trial], Coroutine[Any, Any, T]],
        data: DataSet | None = None,
        sessions: Sequence[str] | None = None,
        inputs: Sequence[str] | None = None,
    ) -> T:
        data = data or word_data()

        async def run() -> T:
            async with open_trial(
                word_pipeline(),
                tmp_path,
                data,
                "mood",
                sessions or data.groups,
                Settings().worker,
                inputs,
            ) as trial:
                return await use(trial)

        return asyncio.run(run())

    return asked


def test_only_the_sessions_asked_about_are_judged(ask: Callable[..., Any]) -> None:
    found = ask(lambda trial: trial.answers(), sessions=["s03", "s07"])
    assert set(found.sessions) == {"s03", "s07"}


def test_items_are_in_the_order_of_session_and_time(ask: Callable[..., Any]) -> None:
    found = ask(lambda trial: trial.answers())
    keys = list(zip(found.sessions, found.starts_us.tolist(), strict=True))
    assert keys == sorted(keys)


def test_an_item_is_of_its_sessions_group(ask: Callable[..., Any]) -> None:
    found = ask(lambda trial: trial.answers(), sessions=["s06", "s07"])
    assert set(found.groups) == {"speaker 3"}


def test_a_hidden_input_does_not_count(ask: Callable[..., Any]) -> None:
    """Alone, a blank note leaves both labels as they were."""
    shown = View(frozenset({"noted"}))
    found = ask(lambda trial: trial.answers(shown), sessions=["s00"])
    assert (found.probabilities == 0.5).all()


def test_a_model_of_fewer_inputs_has_the_same_items(ask: Callable[..., Any]) -> None:
    found = ask(lambda trial: trial.answers(), inputs=["noted"])
    assert len(found) == 36
    assert (found.probabilities[:3] == 0.5).all()


def test_an_item_whose_window_is_gone_is_unanswered(ask: Callable[..., Any]) -> None:
    """Both inputs of a session of one second, one of them moved out of it and the other hidden."""

    async def use(trial: Trial) -> Any:
        return await trial.answers(View(off=("said", 2 * S)))

    data = word_data(seconds=1)
    alone = replace(data, items=lambda: (item for item in data.items() if item.input == "said"))
    found = ask(use, data=alone)
    assert np.isnan(found.probabilities).all()
    assert (found.predicted == -1).all()


def test_other_samples_stay_where_they_are_when_one_input_is_shifted() -> None:
    items = [FeedItem("s", name, name, 5, 7, "text/plain", b"", 0, 9) for name in ("a", "b")]
    moved = list(shifted(items, "a", 100))
    assert [(one.start_us, one.end_us, one.due_us) for one in moved] == [(105, 107, 9), (5, 7, 9)]


def test_a_hidden_input_looks_as_if_it_had_never_been_seen(ask: Callable[..., Any]) -> None:
    async def use(trial: Trial) -> Any:
        return (await trial.prepare()).windows[0]

    window = keep_inputs(ask(use), {"said"})
    assert {sample.input for sample in window.samples} == {"said"}
    assert [tally.seen for name, tally in window.tallies.items() if tally.input == "noted"] == [
        False
    ]


def test_a_task_that_the_data_does_not_have_is_an_error(ask: Callable[..., Any]) -> None:
    data = replace(word_data(), tasks={"tone": ("low", "high")})
    with pytest.raises(DataSetError, match="expected a task 'mood', got tone"):
        ask(lambda trial: trial.prepare(), data=data)


def test_labels_that_lie_elsewhere_are_an_error(ask: Callable[..., Any]) -> None:
    late = [Label("s00", START_US + 900 * S, START_US + 901 * S, "mood", "good")]
    with pytest.raises(DataSetError, match="expected windows with a label of task 'mood'"):
        ask(lambda trial: trial.prepare(), data=replace(word_data(), labels=late))


def test_a_model_with_other_labels_is_an_error(ask: Callable[..., Any]) -> None:
    data = word_data()
    labels = [each._replace(label="happy") for each in data.labels]
    other = replace(data, labels=labels, tasks={"mood": ("happy", "sad")})
    with pytest.raises(EvaluationError, match="take a model that was trained for it"):
        ask(lambda trial: trial.answers(), data=other)
