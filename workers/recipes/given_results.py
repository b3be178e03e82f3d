"""What a live run has published, held against a file of labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from schemas.errors import WireError
from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline, shipped_pipelines
from schemas.result import Result, decode_result
from schemas.units import iso_to_us
from workers.datasets.base import Label
from workers.datasets.label_file import read_labels
from workers.datasets.windows import by_session, judged_part_us, labels_of
from workers.errors import DataSetError, EvaluationError
from workers.evaluation.predictions import Predictions
from workers.recipes import findings
from workers.recipes.base import Evaluation

_WHOLE = (
    "The pipeline is not known here (--pipeline), so each answer was taken to be about its whole "
    "window."
)
#: Longest line that is read: a result of a few hundred sensors is far below.
_LONGEST_BYTES = 4_000_000


def judge_results(
    results: Path, labels: Path, task: str | None, pipeline: Pipeline | None = None
) -> Evaluation:
    """The figures of final results, JSON lines as ``sensorium results --json`` prints them.

    ``pipeline``: the one that made them; without it the shipped one of the name that they give. A
    window has the label that is true of the most of what its answer is about, and of at least half:
    of a sliding window that is what is new in it; of a pipeline that is not known, all.

    Raises ``DataSetError`` for files that cannot be read, ``EvaluationError`` where no result has a
    label, or results are of another pipeline.
    """
    told = read_labels(labels)
    names = sorted({label.task for label in told})
    if task is None and len(names) == 1:
        (task,) = names
    if task is None or task not in names:
        raise EvaluationError(f"--task: expected one of {', '.join(names)}, got {str(task)[:40]!r}")
    found = list(_final(results))
    if not found:
        raise DataSetError(f"{results}: expected final results, got none; let the run end")
    others = sorted({one.pipeline for one in found} - {(pipeline or found[0]).pipeline})
    if others:
        raise EvaluationError(
            f"{results}: expected results of pipeline {(pipeline or found[0]).pipeline!r} alone, "
            f"got some of {others[0]!r}; name their pipeline, or sort them out"
        )
    if pipeline is None and found[0].pipeline in shipped_pipelines():
        pipeline = load_pipeline(found[0].pipeline)
    predictions, unlabelled, silent = _held_against(found, told, task, pipeline)
    return Evaluation(
        recipe=f"results of {found[0].pipeline}",
        claim=f"{len(predictions)} published answers of task {task!r} against labels",
        figures=findings.claimed_figures((), [predictions]),
        split="all labelled windows among the results",
        origin=f"{results.name}, labels of {labels.name}",
        licence="not stated",
        notes=[
            f"{unlabelled} results have no label and are not judged; {silent} labelled ones have "
            "no answer and count as wrong.",
            *(() if pipeline is not None else (_WHOLE,)),
        ],
        predictions={"the run": predictions},
        inside=predictions,
    )


def _held_against(
    found: Sequence[Result], told: Sequence[Label], task: str, pipeline: Pipeline | None
) -> tuple[Predictions, int, int]:
    """The labelled results, how many have no label, and how many of the labelled no answer."""
    known = by_session(label for label in told if label.task == task)
    judged: list[tuple[str, int, str, Mapping[str, float] | None]] = []
    for result in found:
        span_us = (iso_to_us(result.window.start), iso_to_us(result.window.end))
        about_us = span_us if pipeline is None else judged_part_us(pipeline, *span_us)
        truth = labels_of(known.get(result.session, {}), about_us).get(task)
        if truth is not None:
            answer = result.tasks.get(task)
            said = None if answer is None else answer.probabilities
            judged.append((result.session, span_us[0], truth, said))
    if not judged:
        raise EvaluationError(
            f"expected results with a label of task {task!r}, got none of {len(found)}; compare "
            "sessions and times"
        )
    names = _labels(judged)
    judged.sort(key=lambda one: one[:2])
    probabilities = np.full((len(judged), len(names)), np.nan)
    for row, (*_, told_of) in enumerate(judged):
        if told_of is not None:
            probabilities[row] = [told_of.get(name, 0.0) for name in names]
    sessions = tuple(session for session, *_ in judged)
    predictions = Predictions(
        task,
        names,
        sessions,
        sessions,
        np.asarray([start_us for _, start_us, *_ in judged], np.int64),
        np.asarray([names.index(truth) for _, _, truth, _ in judged], np.int64),
        probabilities,
    )
    silent = int(np.isnan(probabilities).any(axis=1).sum())
    return predictions, len(found) - len(judged), silent


def _labels(judged: Sequence[tuple[str, int, str, Mapping[str, float] | None]]) -> tuple[str, ...]:
    """In the order of the results; labels that no result knows come last."""
    said = [name for *_, answer in judged for name in answer or ()]
    return tuple(dict.fromkeys([*said, *sorted({truth for _, _, truth, _ in judged})]))


def _final(path: Path) -> Iterator[Result]:
    """Final results, each window once. Raises ``DataSetError`` for what is no result."""
    seen: set[str] = set()
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST_BYTES + 1), b""), 1):
                if not line.strip():
                    continue
                try:
                    result = decode_result(line)
                except WireError:
                    raise DataSetError(
                        f"{path}:{number}: expected a result as `sensorium results --json` prints "
                        "it, got something else"
                    ) from None
                if result.final and result.id not in seen:
                    seen.add(result.id)
                    yield result
    except OSError as error:
        raise DataSetError(f"{path}: cannot be read ({error.strerror}); name a file") from None
