"""Contributions on their way into a result: only where asked for, by any model, as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.pipeline import Pipeline
from schemas.result import decode_result, encode_result
from schemas.sample import Modality
from schemas.settings import WorkerSettings
from streams.align.spec import from_pipeline
from streams.align.types import SensorTally, Window, WindowSample
from streams.processor.fusing import fuse_windows
from tests.workers.models import TASKS, pipeline, write_model
from workers.encoders.base import FEATURE_SIZE
from workers.encoders.feature import to_wire
from workers.inference.loading import load_compute

WORKER = WorkerSettings(device="cpu", threads=1)


def asking(tmp_path: Path, detail: str) -> Pipeline:
    """A pipeline with an untrained model of its own."""
    write_model(tmp_path / "model")
    tree = pipeline(str(tmp_path / "model")).model_dump(exclude_unset=True)
    tree["model"]["explain"] = {"leave_one_out": detail}
    return Pipeline.model_validate(tree)


def windows(count: int) -> list[Window]:
    """Windows of a frame, two chunks of two microphones, and a text."""
    rng = np.random.default_rng(7)
    sensors = {"cam": "video", "mic.a": "audio", "mic.b": "audio", "asr": "text"}
    tallies = {name: SensorTally(input, 1, seen=True) for name, input in sensors.items()}
    return [
        Window(
            0,
            f"s-{number}",
            0,
            2_000_000,
            tuple(
                WindowSample(
                    name,
                    input,
                    number,
                    at * 1_000,
                    at * 1_000,
                    to_wire(rng.normal(size=FEATURE_SIZE).astype(np.float32)),
                )
                for at, (name, input) in enumerate(sensors.items())
            ),
            tallies,
            0,
        )
        for number in range(count)
    ]


async def published(made: Pipeline, wanted: list[Window]) -> list[dict[str, Any]]:
    """The bodies of the windows' results."""
    compute = load_compute(made, WORKER)
    fused = await fuse_windows(
        wanted, pipeline=made, spec=from_pipeline(made), compute=compute, now_ms=0
    )
    compute.close()
    bodies = [encode_result(result) for _, result in fused.results]
    assert [encode_result(decode_result(body)) for body in bodies] == bodies
    return [json.loads(body) for body in bodies]


async def test_by_default_a_result_has_no_contributions(tmp_path: Path) -> None:
    (result,) = await published(asking(tmp_path, "none"), windows(1))
    assert "contributions" not in result


async def test_asked_for_they_name_the_label_and_every_modality_of_each_task(
    tmp_path: Path,
) -> None:
    (result,) = await published(asking(tmp_path, "modalities"), windows(1))
    found = result["contributions"]
    assert found["method"] == "leave_one_out"
    assert found["tasks"].keys() == TASKS.keys()
    for task, one in found["tasks"].items():
        assert one["label"] == result["tasks"][task]["label"]
        assert one["modalities"].keys() == {"video", "audio", "text"}
        assert one["sensors"] == {}


async def test_of_sensors_they_name_each(tmp_path: Path) -> None:
    (result,) = await published(asking(tmp_path, "sensors"), windows(1))
    for one in result["contributions"]["tasks"].values():
        assert one["sensors"].keys() == {"cam", "mic.a", "mic.b", "asr"}


async def test_a_drop_is_what_the_model_says_of_the_window_without_the_modality(
    tmp_path: Path,
) -> None:
    made = asking(tmp_path, "modalities")
    (whole,) = windows(1)
    text = Modality.TEXT.value
    reduced = Window(
        **{
            name: getattr(whole, name)
            for name in Window.__struct_fields__
            if name not in ("samples",)
        },
        samples=tuple(one for one in whole.samples if one.input != text),
    )
    (result,), (other,) = await published(made, [whole]), await published(made, [reduced])
    for task, answer in result["tasks"].items():
        drop = result["contributions"]["tasks"][task]["modalities"][text]["drop"]
        label = answer["label"]
        fall = answer["probabilities"][label] - other["tasks"][task]["probabilities"][label]
        assert drop == pytest.approx(fall, abs=1.1e-4)


async def test_answers_are_the_same_with_contributions_and_without(tmp_path: Path) -> None:
    plain = await published(asking(tmp_path / "a", "none"), windows(9))
    asked = await published(asking(tmp_path / "b", "sensors"), windows(9))
    assert [one["tasks"] for one in plain] == [one["tasks"] for one in asked]


async def test_a_windows_contributions_do_not_depend_on_the_rest_of_the_batch(
    tmp_path: Path,
) -> None:
    made = asking(tmp_path, "sensors")
    together = await published(made, windows(20))
    alone = [(await published(made, [one]))[0] for one in windows(20)[:3]]
    assert [one["contributions"] for one in together[:3]] == [one["contributions"] for one in alone]
