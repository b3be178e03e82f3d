"""The shipped models: verified, as good as their cards say, and sane on what scenes never show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
import torch

from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline
from schemas.sample import Modality
from streams.align.types import Window, WindowSample
from streams.scenes.catalog import SCENES, make_scene
from tests.workers.models import cpu_compute
from tests.workers.payloads import POINTS_TYPE, encoded, picture, s16le, sample, sweep, tone
from workers.backends.serving import check_serves
from workers.inference.compute import ModelCompute
from workers.model_file import CARD_FILE, LoadedModel, load_model
from workers.registry.layout import SHIPPED
from workers.train.scenes.evaluate import encode_recording, evaluate
from workers.train.scenes.recording import record
from workers.train.scenes.run import START_US

CPU = torch.device("cpu")
NAMES = pytest.mark.parametrize("name", sorted(SCENES))
#: Sessions and seconds of the unseen scene: enough windows for two percent to be several.
SIZES = {"call": (12, 24.0), "vehicle": (8, 12.0), "diagnosis": (8, 900.0)}


@cache
def model(name: str) -> LoadedModel:
    return load_model(name)


@NAMES
def test_a_shipped_model_serves_its_shipped_pipeline(name: str) -> None:
    manifest = model(name).manifest
    check_serves(name, manifest.modalities, manifest.tasks, load_pipeline(name))
    assert set(model(name).manifest.tasks) == set(SCENES[name].tasks)


@NAMES
def test_a_shipped_model_is_small_and_has_a_card(name: str) -> None:
    assert (SHIPPED / name / "model.safetensors").stat().st_size < 2_000_000
    assert model(name).ref.digest in (SHIPPED / name / CARD_FILE).read_text()


@NAMES
def test_a_shipped_model_reaches_its_cards_accuracy_on_an_unseen_scene(name: str) -> None:
    sessions, seconds = SIZES[name]
    scene = make_scene(name, sessions=sessions, seconds=seconds, seed=77_001, start_us=START_US)
    recording = record(load_pipeline(name), scene)
    network = model(name).network
    found = evaluate(network, recording, encode_recording(network, recording, CPU), CPU)
    stated = model(name).manifest.metrics["all/windows"]
    # Two standard deviations of a share measured on this many windows, at least two percent.
    margin = max(0.02, 2 * float(np.sqrt(stated * (1 - stated) / found.count)))
    assert stated > 0.97
    assert found.windows >= stated - margin, found


REAL: dict[str, list[tuple[str, str, str, bytes]]] = {
    "call": [
        ("audio", "mic.agent", "audio/pcm;rate=8000;channels=1;format=s16le",
         s16le(tone(300, 8_000, 5.0))),
        ("audio", "mic.customer", "audio/pcm;rate=48000;channels=1;format=s16le",
         s16le(tone(200, 48_000, 0.03))),
        ("transcript", "asr", "application/json", json.dumps({"text": "je veux partir"}).encode()),
        ("video", "camera.customer", "image/png", encoded(picture(1920, 1080), ".png")),
    ],
    "vehicle": [
        ("camera", "camera.front", "image/jpeg", encoded(picture(1242, 375))),
        ("lidar", "lidar.top", POINTS_TYPE, sweep(30_000)),
        ("radar", "radar.front", "application/json", b"[]"),
        ("objects", "camera.smart", "application/json",
         json.dumps([{"class": "tram", "box3d": [9, 1, 0, 12, 3, 3, 0.1]}]).encode()),
        ("cabin", "mic.cabin", "audio/pcm;rate=44100;channels=2;format=s16le",
         s16le(tone(900, 44_100, 1.0))),
    ],
    "diagnosis": [
        ("imaging", "imaging", "image/png", encoded(picture(1024, 1024), ".png")),
        ("vitals", "monitor", "application/json",
         json.dumps({"channels": {"ecg": [0.0, 1.0] * 500}, "rate_hz": 125}).encode()),
        ("notes", "notes", "text/plain", b"Patient stable. " * 500),
    ],
}  # fmt: skip


@pytest.fixture
def serving(request: pytest.FixtureRequest) -> Iterator[tuple[Pipeline, ModelCompute]]:
    pipeline = load_pipeline(request.param)
    compute = cpu_compute(pipeline)
    yield pipeline, compute
    compute.close()


@pytest.mark.parametrize("serving", sorted(SCENES), indirect=True)
async def test_inputs_of_other_sizes_and_rates_give_finite_answers(
    serving: tuple[Pipeline, ModelCompute],
) -> None:
    pipeline, compute = serving
    real = REAL[pipeline.pipeline]
    modality = {name: Modality(spec.modality) for name, spec in pipeline.inputs.items()}
    features = await compute.encode(
        [sample(modality[i], kind, body, input=i, sensor=s) for i, s, kind, body in real]
    )
    samples = tuple(
        WindowSample(sensor, input, 0, 0, 0, feature)
        for (input, sensor, _, _), feature in zip(real, features, strict=True)
        if isinstance(feature, bytes)
    )
    assert len(samples) == len(real), features
    window = Window(0, "s", 0, pipeline.window.size_us, samples, {}, 0)
    answer = (await compute.fuse([window]))[0]
    for labels in answer.tasks.values():
        assert sum(labels.values()) == pytest.approx(1.0)
        assert all(0.0 <= p <= 1.0 for p in labels.values())
    assert set(answer.modalities) == {modality[input].value for input, *_ in real}
    assert sum(answer.modalities.values()) == pytest.approx(1.0)


async def test_a_monitor_without_any_value_is_no_alarm() -> None:
    """A window of nulls alone must not look like a patient who is getting worse."""
    pipeline = load_pipeline("diagnosis")
    compute = cpu_compute(pipeline)
    nulls = sample(Modality.SERIES, "application/json", b'{"hr": null}')
    (feature,) = await compute.encode([nulls])
    assert isinstance(feature, bytes)
    window = Window(
        0, "s", 0, 60_000_000, (WindowSample("monitor", "vitals", 0, 0, 0, feature),), {}, 0
    )
    (answer,) = await compute.fuse([window])
    compute.close()
    for event in pipeline.events:
        assert answer.tasks[event.task][event.label] < event.open_at
