"""`config`, `pipelines` and `contract`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from schemas.pipeline_file import parse_pipeline, shipped_pipelines
from tests.cli.conftest import Sensorium
from workers.cli.failures import FAILED, WRONG_USAGE


def test_config_prints_the_settings_in_effect(
    sensorium: Sensorium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSORIUM_KAFKA__BOOTSTRAP", "kafka.example:9092")
    tree = yaml.safe_load(sensorium("config").out)
    assert tree["kafka"]["bootstrap"] == "kafka.example:9092"


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["yaml", "json"])
def test_config_masks_secrets(
    form: tuple[str, ...], sensorium: Sensorium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSORIUM_REDIS__URL", "redis://me:hush@cache:6379/0")
    monkeypatch.setenv("SENSORIUM_REDIS__PASSWORD", "hush")
    monkeypatch.setenv("SENSORIUM_KAFKA__SASL_PASSWORD", "hush")
    assert "hush" not in sensorium("config", *form).out


def test_pipelines_lists_what_is_shipped(sensorium: Sensorium) -> None:
    lines = sensorium("pipelines", "--json").out.splitlines()
    assert [json.loads(line)["pipeline"] for line in lines] == list(shipped_pipelines())


def test_a_shown_pipeline_is_a_pipeline_file(sensorium: Sensorium) -> None:
    shown = parse_pipeline(sensorium("pipelines", "show", "vehicle").out, "shown")
    shipped = parse_pipeline(shipped_pipelines()["vehicle"].read_text(), "shipped")
    assert shown == shipped


def test_check_says_ok(sensorium: Sensorium) -> None:
    assert sensorium("pipelines", "check", "call").out == "OK\n"


def test_the_committed_contract_is_current(sensorium: Sensorium) -> None:
    done = sensorium("contract", "--check")
    assert done.status == 0, done.err


def test_a_contract_file_that_differs_is_named(sensorium: Sensorium, tmp_path: Path) -> None:
    sensorium("contract", "--folder", str(tmp_path))
    (tmp_path / "asyncapi.yaml").write_text("asyncapi: 2.0.0\n")
    done = sensorium("contract", "--check", "--folder", str(tmp_path))
    assert done.status == FAILED
    assert "asyncapi.yaml" in done.complaint


def test_check_says_as_json_what_is_wrong_and_where(sensorium: Sensorium, tmp_path: Path) -> None:
    assert json.loads(sensorium("pipelines", "check", "call", "--json").out) == {
        "file": "call",
        "ok": True,
        "pipeline": "call",
    }
    file = tmp_path / "mine.yaml"
    file.write_text("pipeline: mine\nwindows: {size: 1s}\n")
    done = sensorium("pipelines", "check", str(file), "--json")
    found = json.loads(done.out)
    assert (done.status, found["ok"], found["line"]) == (WRONG_USAGE, False, 2)
    assert "windows: unknown key" in found["problem"]
    assert done.complaint == f"sensorium: {found['problem']}"


def test_the_contract_says_as_json_what_was_written_and_what_is_stale(
    sensorium: Sensorium, tmp_path: Path
) -> None:
    written = json.loads(sensorium("contract", "--folder", str(tmp_path), "--json").out)
    assert "asyncapi.yaml" in written["written"]
    (tmp_path / "asyncapi.yaml").write_text("asyncapi: 2.0.0\n")
    done = sensorium("contract", "--check", "--folder", str(tmp_path), "--json")
    assert (done.status, json.loads(done.out)) == (
        FAILED,
        {"folder": str(tmp_path), "current": False, "stale": ["asyncapi.yaml"]},
    )
