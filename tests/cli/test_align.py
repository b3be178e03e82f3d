"""`sensorium align`: files in, a folder of windows out, one summary, one line for an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.cli.conftest import Sensorium
from workers.cli.failures import FAILED, WRONG_USAGE
from workers.offline import digest, read_index, read_windows


@pytest.fixture
def voice(tmp_path: Path) -> str:
    """Ten seconds of two voices; the source names the sensors."""
    times = np.arange(160_000) / 16_000
    signal = np.stack([0.5 * np.sin(2 * np.pi * hz * times) for hz in (200, 400)], axis=1)
    soundfile.write(str(tmp_path / "call.wav"), signal, 16_000)
    return f"audio/mic.agent,mic.customer={tmp_path / 'call.wav'}"


@pytest.fixture
def words(tmp_path: Path) -> str:
    path = tmp_path / "call.srt"
    path.write_text(
        "1\n00:00:01,000 --> 00:00:02,500\nGood morning\n\n"
        "2\n00:00:04,000 --> 00:00:05,500\nI want to cancel\n"
    )
    return str(path)


def test_a_call_becomes_its_windows(
    sensorium: Sensorium, voice: str, words: str, tmp_path: Path
) -> None:
    out = tmp_path / "w"
    done = sensorium("align", "-p", "call", voice, words, "--out", str(out), "--json")
    assert (done.status, done.err) == (0, "")
    summary = json.loads(done.out)
    windows = list(read_windows(out))
    assert (summary["windows"], len(windows)) == (5, 5)
    assert (summary["samples"], summary["invalid"], summary["late"]) == (102, {}, {})
    assert summary["content_sha256"] == digest(windows)
    assert {s.sensor for w in windows for s in w.samples} == {"mic.agent", "mic.customer", "asr"}


def test_the_same_call_gives_the_same_index(
    sensorium: Sensorium, voice: str, words: str, tmp_path: Path
) -> None:
    texts = []
    for name in ("one", "two"):
        arguments = ["-p", "call", voice, words, "--out", str(tmp_path / name)]
        assert sensorium("align", *arguments).status == 0
        texts.append((tmp_path / name / "index.json").read_bytes())
    assert texts[0] == texts[1]


def test_parquet_holds_what_safetensors_holds(
    sensorium: Sensorium, voice: str, tmp_path: Path
) -> None:
    for format in ("parquet", "safetensors"):
        arguments = ["-p", "call", voice, "--out", str(tmp_path / format), "--format", format]
        assert sensorium("align", *arguments, "--shard-windows", "2").status == 0
    indexes = [read_index(tmp_path / format) for format in ("parquet", "safetensors")]
    assert len({index.content_sha256 for index in indexes}) == 1
    assert [len(index.shards) for index in indexes] == [3, 3]


def test_encoded_features_name_their_model(
    sensorium: Sensorium, voice: str, tmp_path: Path
) -> None:
    out = tmp_path / "w"
    done = sensorium("align", "-p", "call", voice, "--out", str(out), "--features", "encoded")
    assert done.status == 0
    index = read_index(out)
    assert index.model is not None
    assert (index.features, index.model.name) == ("encoded", "call")


def test_several_sessions_are_kept_apart(sensorium: Sensorium, voice: str, tmp_path: Path) -> None:
    out = tmp_path / "w"
    arguments = ["-p", "call", voice, "--out", str(out), "--session", "c", "--sessions", "2"]
    assert sensorium("align", *arguments, "--json").status == 0
    assert read_index(out).sessions == ["c-0001", "c-0002"]
    assert {window.session for window in read_windows(out)} == {"c-0001", "c-0002"}


def test_people_get_a_table(sensorium: Sensorium, voice: str, tmp_path: Path) -> None:
    done = sensorium("align", "-p", "call", voice, "--out", str(tmp_path / "w"))
    assert "audio/mic.agent" in done.out
    assert "5 windows of call" in done.out


def test_samples_without_room_are_told(
    sensorium: Sensorium, voice: str, tmp_path: Path, write_pipeline: Callable[[str], str]
) -> None:
    path = write_pipeline(
        "pipeline: full\n"
        "inputs:\n"
        "  audio: {modality: audio, sensors: [mic.agent, mic.customer, gone]}\n"
        "window: {size: 1s}\n"
        "model: {name: call}\n"
        "limits: {max_open_windows: 4}\n"
    )
    out = str(tmp_path / "w")
    done = sensorium("align", "-p", path, voice, "--out", out, "--json")
    assert "60 samples are in no window" in done.complaint
    assert json.loads(done.out)["no_room"] == 60
    live = sensorium("align", "-p", path, voice, "--out", out, "--force", "--replay", "live")
    assert live.err == ""


def test_samples_without_room_in_a_live_replay_are_told_of_the_limits_alone(
    sensorium: Sensorium, voice: str, tmp_path: Path, write_pipeline: Callable[[str], str]
) -> None:
    path = write_pipeline(
        "pipeline: full\n"
        "inputs:\n"
        "  audio: {modality: audio}\n"
        "window: {size: 1s}\n"
        "model: {name: call}\n"
        "limits: {max_sensors: 1}\n"
    )
    live = ("--out", str(tmp_path / "w"), "--replay", "live")
    done = sensorium("align", "-p", path, voice, *live)
    assert "samples are in no window" in done.complaint
    assert done.complaint.endswith("; raise these")


@pytest.fixture
def write_pipeline(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "own.yaml"
        path.write_text(text)
        return str(path)

    return write


def test_a_folder_with_files_needs_force(sensorium: Sensorium, voice: str, tmp_path: Path) -> None:
    arguments = ["align", "-p", "call", voice, "--out", str(tmp_path / "w")]
    assert sensorium(*arguments).status == 0
    again = sensorium(*arguments)
    assert again.status == FAILED
    assert f"{tmp_path / 'w'}: expected an empty folder or none" in again.complaint
    assert sensorium(*arguments, "--force").status == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("no-such.wav",), "no-such.wav: expected"),
        (("{voice}", "--start", "soon"), "start: expected 'now', 'recorded' or an RFC 3339"),
        (("{voice}", "--start", "recorded"), "expected absolute times for start 'recorded'"),
        (("{voice}", "--format", "csv"), "Invalid value for '--format'"),
        (("{voice}", "--shard-windows", "0"), "Invalid value for '--shard-windows'"),
        (("{voice}", "--chunk-ms", "1"), "chunk_ms: expected 10 to 10000"),
    ],
)
def test_wrong_usage(
    arguments: tuple[str, ...], said: str, sensorium: Sensorium, voice: str, tmp_path: Path
) -> None:
    given = [each.format(voice=voice) for each in arguments]
    done = sensorium("align", "-p", "call", *given, "--out", str(tmp_path / "w"))
    assert done.status == WRONG_USAGE
    assert said in done.complaint
    assert not (tmp_path / "w").exists()


def test_a_real_drive_has_the_windows_of_its_times(
    sensorium: Sensorium, shared_data: Path, tmp_path: Path
) -> None:
    drive = shared_data / "vehicle" / "kitti_raw_2011_09_26_drive_0052"
    done = sensorium("align", "-p", "vehicle", str(drive), "--out", str(tmp_path / "w"), "--json")
    assert json.loads(done.out)["windows"] == 16
    index = read_index(tmp_path / "w")
    assert {each.sensor: each.in_windows for each in index.sensors} == {
        "camera.front": 78,
        "lidar.top": 78,
    }
