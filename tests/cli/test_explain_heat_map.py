"""`sensorium explain --heat-map` as a user meets it, on a window of an untrained model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
import yaml

from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline
from schemas.result import ModelRef, Result
from schemas.sample import Modality
from schemas.settings import KafkaSettings, WorkerSettings
from schemas.units import US_PER_MS
from streams.align.spec import from_pipeline
from streams.align.types import SensorTally, Window, WindowSample
from streams.processor.fusing import fuse_windows
from streams.processor.outputs import result_record
from streams.records import OutRecord
from streams.stack import Stack
from streams.topics import ensure_topics, plan_topics
from streams.watch.dead_letters import send_again
from tests.cli.conftest import Sensorium
from tests.workers.explained import START_US
from tests.workers.explained_topics import SESSION, sample
from tests.workers.models import write_model
from tests.workers.payloads import encoded, picture, s16le, tone
from tests.workers.payloads import sample as decoded_sample
from workers.cli.failures import FAILED, WRONG_USAGE
from workers.explain.reader import partition_of
from workers.inference.loading import load_compute

pytestmark = pytest.mark.integration

WINDOW = "2026-03-01T12:00:02Z"
WIDTH, HEIGHT = 80, 60
FRAMES_MS = (200, 900, 1_600)
CHUNKS_MS = (100, 300)
Change = Callable[[Result], Result]


def records(pipeline: Pipeline) -> list[tuple[str, str, OutRecord]]:
    """(input, sensor, record) of the window's frames, chunks and one text."""
    made = [("camera", "cam", at, 0, encoded(picture(WIDTH, HEIGHT, seed=at))) for at in FRAMES_MS]
    made += [("audio", "mic", at, 200, s16le(tone(300.0 + at))) for at in CHUNKS_MS]
    made.append(("words", "asr", 500, 0, b"cancel the plan"))
    return [
        (input, sensor, sample(pipeline, input, sensor, at, length, value=value))
        for input, sensor, at, length, value in made
    ]


async def answered(pipeline: Pipeline, sent: list[tuple[str, str, OutRecord]]) -> Result:
    """The result that a worker would publish of these records."""
    compute = load_compute(pipeline, WorkerSettings(device="cpu", threads=1))
    offsets = dict.fromkeys(pipeline.inputs, 0)
    samples: list[WindowSample] = []
    tallies: dict[str, list[int]] = {}
    for input, sensor, record in sent:
        spec = pipeline.inputs[input]
        (feature,) = await compute.encode(
            [
                decoded_sample(
                    Modality(spec.modality), spec.default_content_type, record.value or b""
                )
            ]
        )
        assert isinstance(feature, bytes)
        start_us = (record.timestamp_ms or 0) * US_PER_MS - 30 * US_PER_MS
        end_us = start_us + (200 * US_PER_MS if input == "audio" else 0)
        samples.append(WindowSample(sensor, input, offsets[input], start_us, end_us, feature))
        tallies.setdefault(sensor, []).append(offsets[input])
        offsets[input] += 1
    inputs = {one.sensor: one.input for one in samples}
    window = Window(
        partition_of(SESSION, pipeline.partitions),
        SESSION,
        START_US,
        START_US + 2_000_000,
        tuple(sorted(samples, key=lambda one: (one.start_us, one.sensor, one.input, one.offset))),
        {
            name: SensorTally(inputs[name], len(found), seen=True, offsets=tuple(found))
            for name, found in tallies.items()
        },
        0,
    )
    fused = await fuse_windows(
        [window], pipeline=pipeline, spec=from_pipeline(pipeline), compute=compute, now_ms=0
    )
    compute.close()
    ((_, result),) = fused.results
    return result


Publish = Callable[..., str]


@pytest.fixture
def publish(on_stack: Stack, tmp_path: Path, unique_name: Callable[[str], str]) -> Publish:
    """Puts a window with its result on topics of its own; gives the pipeline file."""

    def make(change: Change = lambda one: one, without: str | None = None) -> str:
        kinds = (Modality.VIDEO, Modality.AUDIO, Modality.TEXT)
        write_model(tmp_path / "model", kinds)
        tree: dict[str, Any] = {
            "pipeline": unique_name("heat"),
            "partitions": 1,
            "inputs": {
                "camera": {"modality": "video", "sensors": ["cam"]},
                "audio": {"modality": "audio", "sensors": ["mic"]},
                "words": {"modality": "text", "sensors": ["asr"]},
            },
            "window": {"size": "2s"},
            "model": {"name": str(tmp_path / "model")},
        }
        path = tmp_path / "heat.yaml"
        path.write_text(yaml.safe_dump(tree))
        pipeline = load_pipeline(str(path))
        kafka = KafkaSettings(bootstrap=on_stack.kafka_bootstrap)
        asyncio.run(_publish(pipeline, kafka, change, without))
        return str(path)

    return make


async def _publish(
    pipeline: Pipeline, kafka: KafkaSettings, change: Change, without: str | None
) -> None:
    ensure_topics(kafka, plan_topics(pipeline))
    sent = records(pipeline)
    result = change(await answered(pipeline, sent))
    kept = [record for input, _, record in sent if input != without]
    await send_again([*kept, result_record(pipeline, 0, result)], kafka)


def asked(sensorium: Sensorium, path: str, folder: Path, *more: str) -> dict[str, Any]:
    """The JSON beside the pictures."""
    wanted = ("--heat-map", "--out", str(folder))
    done = sensorium("explain", SESSION, WINDOW, "-p", path, *wanted, *more)
    assert (done.status, done.err) == (0, "")
    (beside,) = folder.glob("*.json")
    found: dict[str, Any] = json.loads(beside.read_text())
    return found


def test_a_png_of_each_frame_and_chunk_and_a_json_with_the_published_probability(
    sensorium: Sensorium, publish: Publish, tmp_path: Path
) -> None:
    path = publish()
    found = asked(sensorium, path, tmp_path / "out")
    assert found["agreement"]["same"]
    assert found["probability"] == found["published"]
    by_sensor = [one["sensor"] for one in found["pictures"]]
    assert by_sensor == ["cam"] * len(FRAMES_MS) + ["mic"] * len(CHUNKS_MS)
    for one in found["pictures"]:
        data = np.frombuffer((tmp_path / "out" / one["file"]).read_bytes(), np.uint8)
        png = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert png is not None
        assert png.shape[1] == one["width"] * one["scale"]
        if one["sensor"] == "cam":
            assert (one["width"], one["height"]) == (WIDTH, HEIGHT)
    assert sum(one["share"] for one in found["pictures"]) == pytest.approx(1.0, abs=1e-3)


def test_the_page_has_bars_and_a_picture_and_stays_within_100_columns(
    sensorium: Sensorium, publish: Publish, tmp_path: Path
) -> None:
    path = publish()
    done = sensorium(
        "explain", SESSION, WINDOW, "-p", path, "--heat-map", "--out", str(tmp_path / "out")
    )
    assert "share, by leaving it out" in done.out
    assert "the window gives the answer that was published" in done.out
    assert "by integrated gradients" in done.out
    assert "┌─" in done.out
    assert "▓" in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 100


def test_with_json_the_insight_is_part_of_the_one_object(
    sensorium: Sensorium, publish: Publish, tmp_path: Path
) -> None:
    path = publish()
    wanted = ("--heat-map", "--json", "--out", str(tmp_path / "out"), "--task", "place")
    done = sensorium("explain", SESSION, WINDOW, "-p", path, *wanted)
    (line,) = done.out.splitlines()
    found = json.loads(line)
    assert found["insight"]["task"] == "place"
    assert found["insight"]["result_id"] == found["result_id"]
    assert found["insight"]["contributions"]["tasks"].keys() == {"mood", "place"}


def test_another_label_can_be_asked_about(
    sensorium: Sensorium, publish: Publish, tmp_path: Path
) -> None:
    path = publish()
    mood = asked(sensorium, path, tmp_path / "one")
    (other,) = {"low", "high"} - {mood["label"]}
    found = asked(sensorium, path, tmp_path / "two", "--label", other)
    assert found["probability"] == pytest.approx(1.0 - mood["probability"], abs=2e-4)


def test_a_result_of_another_model_is_said_to_be_one(
    sensorium: Sensorium, publish: Publish, tmp_path: Path
) -> None:
    def by_another(result: Result) -> Result:
        answer = result.tasks["mood"]
        turned = dict(zip(answer.probabilities, (0.9, 0.1), strict=True))
        return msgspec.structs.replace(
            result,
            model=ModelRef("older", "0.1", "ab" * 32),
            tasks={**result.tasks, "mood": type(answer)("low", turned)},
        )

    path = publish(by_another)
    found = asked(sensorium, path, tmp_path / "out")
    assert not found["agreement"]["same"]
    assert found["agreement"]["difference"] > 0.1
    (reason,) = found["agreement"]["reasons"]
    assert reason.startswith("The result is by older 0.1 (abababababab), the model loaded now is")


def test_samples_that_are_gone_are_said_to_be_gone(
    sensorium: Sensorium, publish: Publish, tmp_path: Path
) -> None:
    path = publish(without="words")
    found = asked(sensorium, path, tmp_path / "out")
    assert "asr gave 1 sample to the model, of which 0 can be read again." in found["limits"]
    assert not found["agreement"]["same"]
    assert "Not all of the window's samples could be read again." in found["agreement"]["reasons"]


def test_an_unknown_task_is_answered_with_those_there_are_and_nothing_is_written(
    sensorium: Sensorium, publish: Publish, tmp_path: Path
) -> None:
    path = publish()
    wanted = ("--heat-map", "--task", "weather", "--out", str(tmp_path / "out"))
    done = sensorium("explain", SESSION, WINDOW, "-p", path, *wanted)
    assert done.status == FAILED
    assert "--task: expected one of mood, place, got 'weather'" in done.complaint
    assert not (tmp_path / "out").exists()


def test_a_task_is_no_question_without_a_heat_map(sensorium: Sensorium) -> None:
    done = sensorium("explain", SESSION, "last", "-p", "call", "--task", "sentiment")
    assert done.status == WRONG_USAGE
    assert "--task and --label: expected with --heat-map" in done.complaint
