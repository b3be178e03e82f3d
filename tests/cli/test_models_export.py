"""`models export`: a model as graphs, in a folder that is a model again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.sample import Modality
from tests.cli.conftest import Sensorium
from tests.workers.models import write_model
from workers.registry.layout import MODEL_FILE


@pytest.fixture
def small(tmp_path: Path) -> str:
    write_model(tmp_path / "small", [Modality.SERIES])
    return str(tmp_path / "small")


def test_a_folder_is_exported_into_a_folder_that_can_be_added(
    sensorium: Sensorium, small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSORIUM_WORKER__MODELS", str(tmp_path / "models"))
    out = str(tmp_path / "out")
    done = json.loads(sensorium("models", "export", small, out, "--json").out)
    assert done["graphs"] == {"encode-series": "encode-series.pt2", "fuse": "fuse.pt2"}
    added = json.loads(sensorium("models", "add", out, "--json").out)
    assert (added["name"], added["version"]) == ("untrained", "0")
    assert (Path(added["folder"]) / MODEL_FILE).is_file()


def test_an_unknown_format_is_one_line(sensorium: Sensorium, small: str, tmp_path: Path) -> None:
    done = sensorium("models", "export", small, str(tmp_path / "out"), "--format", "tflite")
    assert done.status != 0
    assert "expected a format of ['onnx', 'torch'], got 'tflite'" in done.complaint
