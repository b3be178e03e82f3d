"""A learned model answers in the stream what it answers offline, window by window."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from schemas.model import ModelSpec
from schemas.pipeline import Pipeline
from schemas.result import task_result
from schemas.units import iso_to_us
from streams.stack import Stack
from tests.e2e.harness import site
from tests.train.worlds import TASKS, a_data_set, a_pipeline, quick, small_plan
from workers.datasets.windows import label_windows
from workers.learned.file import Origin
from workers.train.fitting import fit
from workers.train.predict import predict
from workers.train.saving import save_trained

pytestmark = pytest.mark.integration


def served(pipeline: Pipeline, name: str, model: Path) -> Pipeline:
    return pipeline.model_copy(update={"pipeline": name, "model": ModelSpec(name=str(model))})


async def test_the_stream_gives_the_predictions_item_for_item(stack: Stack, tmp_path: Path) -> None:
    data = a_data_set(sessions=6)
    pipeline = a_pipeline(kind="sliding", size="3s", every="1s")
    windows = await asyncio.to_thread(label_windows, data, pipeline)
    plan = small_plan(context={"kind": "recurrence", "steps": 3})
    rules = quick(epochs=2, modality_dropout=0.2)
    trained = fit(windows.of_split("train"), None, plan, rules, seed=1)
    save_trained(
        tmp_path / "model",
        trained,
        name="small",
        version="1",
        pipeline="small",
        origin=Origin("made here", "CC0-1.0", "CC0-1.0", "none", 1),
        metrics={},
    )
    offline = predict(trained.model(), windows)
    expected = {
        (one.session, one.start_us): {
            task: task_result(dict(zip(labels, offline.probabilities[task][row], strict=True)))
            for task, labels in TASKS.items()
        }
        for row, one in enumerate(windows.windows)
    }
    live = served(pipeline, f"learned-{tmp_path.name.replace('_', '-')[-20:]}", tmp_path / "model")
    with site(live, tmp_path / "site", stack) as here:
        await here.start_worker().ready()
        await here.feed(data.items())
        await here.end_sessions(sorted(data.groups))
        # Six windows of a session have a label; the two before and after hang over its ends.
        results = await here.results(6 * 8)
    found = {
        (one.session, iso_to_us(one.window.start)): dict(one.tasks) for one in results if one.final
    }
    assert {key: found.get(key) for key in expected} == expected
