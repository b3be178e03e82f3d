"""`record` and `mcap` without a broker: wrong usage, what a file holds, an export."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.pipeline import Pipeline
from tests.cli.conftest import Sensorium
from tests.foxglove.conftest import drive, recording, result, tracked
from workers.cli.failures import FAILED, WRONG_USAGE

# Fixtures of the drive that Foxglove is given.
__all__ = ["drive", "recording"]


@pytest.fixture
def pipeline_file(tmp_path: Path, drive: Pipeline) -> str:
    path = tmp_path / "drive.yaml"
    path.write_text(drive.model_dump_json())
    return str(path)


def test_show_lists_the_channels(sensorium: Sensorium, recording: Callable[..., Path]) -> None:
    told = json.loads(sensorium("mcap", "show", str(recording()), "--json").out)
    counts = {one["topic"]: one["messages"] for one in told["channels"]}
    assert counts["drive.camera"] == 2
    assert (told["recording"], told["cut_short"]) == (True, False)


def test_show_tells_of_a_file_that_was_cut_short(
    sensorium: Sensorium, recording: Callable[..., Path]
) -> None:
    path = recording()
    path.write_bytes(path.read_bytes()[:-40])
    done = sensorium("mcap", "show", str(path))
    assert done.status == 0
    assert "it was cut short" in done.complaint


def test_an_export_tells_what_it_wrote_and_left_out(
    sensorium: Sensorium, recording: Callable[..., Path], pipeline_file: str, tmp_path: Path
) -> None:
    path, out = recording(result(100, [tracked("a", 100)])), tmp_path / "out.mcap"
    done = sensorium("mcap", "export", str(path), "--out", str(out), "-p", pipeline_file, "--json")
    told = json.loads(done.out)
    assert told["messages"]["/objects"] == 1
    assert told["left_out"] == {"cabin": 1}
    shown = json.loads(sensorium("mcap", "show", str(out), "--json").out)
    schemas = {one["topic"]: one["schema"] for one in shown["channels"]}
    assert schemas["/camera.front"] == "foxglove.CompressedImage"


def test_a_session_that_is_not_there_is_wrong_usage(
    sensorium: Sensorium, recording: Callable[..., Path], pipeline_file: str, tmp_path: Path
) -> None:
    arguments = ["--out", str(tmp_path / "out.mcap"), "-p", pipeline_file, "--session", "car-9"]
    done = sensorium("mcap", "export", str(recording()), *arguments)
    assert done.status == WRONG_USAGE
    assert "--session: expected a session of the recording, got 'car-9'" in done.complaint


def test_a_recording_is_aligned_without_a_broker(
    sensorium: Sensorium, recording: Callable[..., Path], pipeline_file: str, tmp_path: Path
) -> None:
    path = recording()
    path.write_bytes(path.read_bytes()[:-40])
    out = str(tmp_path / "w")
    done = sensorium("align", str(path), "-p", pipeline_file, "--out", out, "--json")
    assert json.loads(done.out)["windows"] == 2
    assert "it was cut short; 5 records before that are read" in done.complaint


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--input", "sonar"), WRONG_USAGE, "--input: expected an input of pipeline 'drive'"),
        (("--max-size", "big"), WRONG_USAGE, "--max-size: expected a size"),
        (("--max-size", "1KB"), WRONG_USAGE, "--max-size: expected at least 1MB, got '1KB'"),
        (("--with", "nothing"), WRONG_USAGE, "Invalid value for '--with'"),
    ],
)
def test_wrong_usage_of_record(
    arguments: tuple[str, ...], status: int, said: str, sensorium: Sensorium, pipeline_file: str
) -> None:
    done = sensorium("record", "-p", pipeline_file, "--out", "r.mcap", *arguments)
    assert done.status == status
    assert said in done.complaint


def test_a_file_that_is_no_mcap_fails(sensorium: Sensorium, tmp_path: Path) -> None:
    path = tmp_path / "r.mcap"
    path.write_text("hello")
    done = sensorium("mcap", "show", str(path))
    assert done.status == FAILED
    assert "expected an MCAP file" in done.complaint
