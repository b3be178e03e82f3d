"""What was published, held against labels."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from schemas.pipeline import Pipeline
from schemas.result import (
    ModelRef,
    Quality,
    Result,
    Timings,
    WindowSpan,
    encode_result,
    result_id,
    task_result,
)
from schemas.units import us_to_iso
from tests.recipes.fakes import START_US, S, word_pipeline
from workers.datasets.base import Label
from workers.datasets.label_file import write_labels
from workers.errors import DataSetError, EvaluationError
from workers.recipes.base import Evaluation
from workers.recipes.given_results import judge_results


def result(second: int, good: float | None, *, final: bool = True) -> Result:
    """Of window ``second`` of session s; no answer where ``good`` is ``None``."""
    start_us = START_US + second * S
    return Result(
        id=result_id("words", "s", start_us, 0 if final else 1),
        pipeline="words",
        session="s",
        window=WindowSpan(us_to_iso(start_us), us_to_iso(start_us + S)),
        revision=0,
        final=final,
        tasks={} if good is None else {"mood": task_result({"bad": 1 - good, "good": good})},
        modalities={},
        sensors={},
        quality=Quality(1.0, 0.0, []),
        model=ModelRef("words", "1", ""),
        timings=Timings(0, 0.0, 0.0),
    )


def judged(folder: Path, *results: Result, task: str | None = None) -> Evaluation:
    """The first three seconds are labelled good."""
    published, labels = folder / "run.jsonl", folder / "labels.csv"
    published.write_bytes(b"\n".join(encode_result(each) for each in results))
    write_labels(labels, [Label("s", START_US, START_US + 3 * S, "mood", "good")])
    return judge_results(published, labels, task)


def test_what_is_new_in_a_sliding_window_is_judged(tmp_path: Path) -> None:
    """Good until second 3, bad from then on: the window of seconds 1 to 4 is about the last."""
    published, labels = tmp_path / "run.jsonl", tmp_path / "labels.csv"
    long = msgspec.structs.replace(
        result(1, 0.1),
        window=WindowSpan(us_to_iso(START_US + S), us_to_iso(START_US + 4 * S)),
    )
    published.write_bytes(encode_result(long))
    write_labels(
        labels,
        [
            Label("s", START_US, START_US + 3 * S, "mood", "good"),
            Label("s", START_US + 3 * S, START_US + 9 * S, "mood", "bad"),
        ],
    )
    tree = word_pipeline().model_dump(mode="json", exclude_unset=True)
    tree["window"] = {"kind": "sliding", "size": "3s", "every": "1s"}
    sliding = Pipeline.model_validate(tree)
    assert _accuracy(judge_results(published, labels, "mood", sliding)) == 1.0
    assert _accuracy(judge_results(published, labels, "mood")) == 0.0


def _accuracy(found: Evaluation) -> float:
    return next(figure.value for figure in found.figures if figure.name == "accuracy")


def test_labelled_windows_are_judged(tmp_path: Path) -> None:
    found = judged(tmp_path, result(0, 0.9), result(1, 0.2), result(7, 0.2))
    assert _accuracy(found) == 0.5
    assert found.notes[0].startswith("1 results have no label")


def test_what_is_not_final_or_comes_again_does_not_count(tmp_path: Path) -> None:
    found = judged(tmp_path, result(0, 0.1, final=False), result(0, 0.9), result(0, 0.9))
    assert len(found.predictions["the run"]) == 1
    assert _accuracy(found) == 1.0


def test_a_window_without_an_answer_is_wrong(tmp_path: Path) -> None:
    found = judged(tmp_path, result(0, 0.9), result(1, None))
    assert _accuracy(found) == 0.5


def test_results_without_any_label_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="expected results with a label of task 'mood'"):
        judged(tmp_path, result(60, 0.9))


def test_a_task_without_labels_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="expected one of mood, got 'tone'"):
        judged(tmp_path, result(0, 0.9), task="tone")


def test_a_line_that_is_no_result_is_named(tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    write_labels(labels, [Label("s", START_US, START_US + S, "mood", "good")])
    (tmp_path / "run.jsonl").write_text('\n{"id": 1}\n')
    with pytest.raises(DataSetError, match=r"run\.jsonl:2: expected a result"):
        judge_results(tmp_path / "run.jsonl", labels, None)
