"""`sensorium explain --heat-map` as a user meets it, on a window of an untrained model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from schemas.result import ModelRef, Result
from tests.cli.conftest import Publish, Sensorium
from tests.insight.on_topics import CHUNKS_MS, FRAMES_MS, HEIGHT, SESSION, WIDTH
from workers.cli.failures import FAILED, WRONG_USAGE

pytestmark = pytest.mark.integration

WINDOW = "2026-03-01T12:00:02Z"


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
