"""`models`: a version is added, checked, activated and gone back from, by command alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.stack import Stack
from tests.cli.conftest import Sensorium
from workers.cli.failures import WRONG_USAGE
from workers.registry.layout import SHIPPED
from workers.registry.store import Registry

CALL = str(SHIPPED / "call")


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The registry that the commands are told of."""
    monkeypatch.setenv("SENSORIUM_WORKER__MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def shipped(root: Path) -> str:
    return Registry(root).shipped("call") or ""


def test_list_has_the_shipped_models_and_marks_what_is_active(
    sensorium: Sensorium, shipped: str
) -> None:
    found = [json.loads(line) for line in sensorium("models", "list", "--json").out.splitlines()]
    assert [(one["name"], one["active"], one["source"]) for one in found] == [
        ("call", True, "shipped"),
        ("call-real", True, "shipped"),
        ("diagnosis", True, "shipped"),
        ("diagnosis-real", True, "shipped"),
        ("drive", True, "shipped"),
        ("drive-raw", True, "shipped"),
        ("vehicle", True, "shipped"),
    ]


def test_an_added_version_is_listed_and_not_active(
    sensorium: Sensorium, root: Path, shipped: str
) -> None:
    added = json.loads(sensorium("models", "add", CALL, "--version", "9", "--json").out)
    assert added == {"name": "call", "version": "9", "folder": str(root / "call" / "9")}
    lines = sensorium("models", "list", "--json").out.splitlines()
    found = {(one["version"], one["active"]) for one in map(json.loads, lines[:2])}
    assert found == {(shipped, True), ("9", False)}


def test_activate_and_roll_back(sensorium: Sensorium, shipped: str) -> None:
    sensorium("models", "add", CALL, "--version", "9")
    assert sensorium("models", "activate", "call", "9").out == "call: 9 is active\n"
    assert sensorium("models", "rollback", "call").out == f"call: {shipped} is active\n"


def test_show_tells_what_was_active_when(sensorium: Sensorium, shipped: str) -> None:
    sensorium("models", "add", CALL, "--version", "9")
    sensorium("models", "activate", "call", "9")
    shown = json.loads(sensorium("models", "show", "call", "--json").out)
    assert shown["active"] == "9"
    assert [(one["version"], one["action"]) for one in shown["history"]] == [
        (shipped, "shipped"),
        ("9", "activate"),
    ]


def test_show_says_where_no_worker_can_be_asked(
    sensorium: Sensorium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSORIUM_REDIS__URL", "redis://127.0.0.1:1/0")
    done = sensorium("models", "show", "call")
    assert (done.status, "Redis does not answer" in done.out) == (0, True)


@pytest.mark.integration
def test_show_says_where_no_worker_runs(sensorium: Sensorium, on_stack: Stack) -> None:
    assert json.loads(sensorium("models", "show", "call", "--json").out)["workers"] == []


def test_an_unknown_model_is_told_the_known_ones(sensorium: Sensorium) -> None:
    done = sensorium("models", "show", "nobody")
    assert (done.status, "'call', 'call-real', 'diagnosis'" in done.complaint) == (
        WRONG_USAGE,
        True,
    )


def test_an_unknown_version_is_one_line_and_changes_nothing(
    sensorium: Sensorium, root: Path
) -> None:
    done = sensorium("models", "activate", "call", "9")
    assert (done.status, "got '9'" in done.complaint) == (WRONG_USAGE, True)
    assert not root.exists()


def test_a_damaged_version_is_not_activated(sensorium: Sensorium, root: Path, shipped: str) -> None:
    sensorium("models", "add", CALL, "--version", "9")
    weights = root / "call" / "9" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    done = sensorium("models", "activate", "call", "9")
    assert (done.status, "digest mismatch" in done.complaint) == (WRONG_USAGE, True)
    assert Registry(root).active("call") == shipped


def test_a_roll_back_without_a_former_version_is_one_line(sensorium: Sensorium) -> None:
    done = sensorium("models", "rollback", "call")
    assert (done.status, "former version" in done.complaint) == (WRONG_USAGE, True)


def pinning(tmp_path: Path, version: str) -> str:
    """A pipeline file whose model is pinned to a version."""
    path = tmp_path / "pinning.yaml"
    path.write_text(
        "pipeline: pinning\n"
        "inputs:\n"
        "  notes: {modality: text, sensors: [pen]}\n"
        "window: {size: 1s}\n"
        f"model: {{name: call, version: {version}}}\n"
    )
    return str(path)


@pytest.mark.parametrize("command", [("activate", "call", "9"), ("rollback", "call")])
def test_an_activation_says_which_pipelines_it_has_no_effect_on(
    sensorium: Sensorium, tmp_path: Path, shipped: str, command: tuple[str, ...]
) -> None:
    sensorium("models", "add", CALL, "--version", "9")
    sensorium("models", "activate", "call", "9")
    done = sensorium("models", *command, "--pipeline", pinning(tmp_path, shipped))
    assert f"no effect on pipeline pinning, which pins version {shipped}" in done.out


def test_show_says_which_pipelines_pin_a_version(
    sensorium: Sensorium, tmp_path: Path, shipped: str
) -> None:
    shown = sensorium("models", "show", "call", "--json", "--pipeline", pinning(tmp_path, shipped))
    assert json.loads(shown.out)["pinned_by"] == {"pinning": shipped}


def test_check_says_whether_a_version_fits_and_what_its_features_are(
    sensorium: Sensorium,
) -> None:
    sensorium("models", "add", CALL, "--version", "9")
    found = json.loads(sensorium("models", "check", "call", "9", "-p", "call", "--json").out)
    assert (found["model"]["version"], found["same_features"]) == ("9", True)


def test_check_refuses_a_model_of_another_pipeline_in_one_line(sensorium: Sensorium) -> None:
    version = json.loads(sensorium("models", "list", "--json").out.splitlines()[2])["version"]
    done = sensorium("models", "check", "vehicle", version, "-p", "diagnosis")
    assert (done.status, "model 'vehicle'" in done.complaint) == (WRONG_USAGE, True)


def test_agreement_needs_a_shadow_in_the_pipeline_file(sensorium: Sensorium) -> None:
    done = sensorium("models", "agreement", "--pipeline", "call")
    assert (done.status, "expected a model.shadow" in done.complaint) == (WRONG_USAGE, True)


def test_a_version_that_a_named_pipeline_cannot_use_is_not_activated(
    sensorium: Sensorium, tmp_path: Path, shipped: str
) -> None:
    sensorium("models", "add", CALL, "--version", "9")
    file = tmp_path / "heart.yaml"
    file.write_text(
        "pipeline: heart\ninputs: {vitals: {modality: series}}\nwindow: {size: 1s}\n"
        "model: {name: call}\n"
    )
    done = sensorium("models", "activate", "call", "9", "-p", "call", "-p", str(file))
    assert (done.status, "series" in done.complaint) == (WRONG_USAGE, True)
    assert json.loads(sensorium("models", "show", "call", "--json").out)["active"] == shipped
    assert sensorium("models", "activate", "call", "9", "-p", "call").status == 0


def test_a_pipeline_of_another_model_is_no_reason_to_activate_one(sensorium: Sensorium) -> None:
    sensorium("models", "add", CALL, "--version", "9")
    done = sensorium("models", "activate", "call", "9", "-p", "vehicle")
    assert (done.status, "'vehicle', which another one does" in done.complaint) == (
        WRONG_USAGE,
        True,
    )
