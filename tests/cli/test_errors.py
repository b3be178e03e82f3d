"""An error of the user's or of a server's is one line on standard error and a status."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.stack import Stack
from streams.stack.component import free_port
from streams.stack.errors import StartRefused
from tests.cli.conftest import Sensorium, run_apart
from workers.cli.failures import FAILED, INTERRUPTED, WRONG_USAGE, exit_status, one_line
from workers.errors import DeviceError, ModelError


def test_an_unknown_key_in_the_settings_file(sensorium: Sensorium, tmp_path: Path) -> None:
    file = tmp_path / "sensorium.yaml"
    file.write_text("kafka:\n  bootstrp: a:1\n")
    done = sensorium("worker", "--pipeline", "call", "--config", str(file))
    assert done.status == WRONG_USAGE
    assert f"{file}: kafka.bootstrp: unknown key" in done.complaint


def test_an_unknown_variable(sensorium: Sensorium, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSORIUM_KAFKA__BOOTSTRP", "a:1")
    done = sensorium("worker", "--pipeline", "call")
    assert done.status == WRONG_USAGE
    assert "SENSORIUM_KAFKA__BOOTSTRP: unknown key" in done.complaint


def test_an_unknown_pipeline(sensorium: Sensorium) -> None:
    done = sensorium("worker", "--pipeline", "cal")
    assert done.status == WRONG_USAGE
    assert "cal: unknown pipeline; expected one of call, call-real, diagnosis" in done.complaint


def test_an_unknown_key_in_a_pipeline_file_names_its_line(
    sensorium: Sensorium, tmp_path: Path
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("pipeline: mine\nwindows: {size: 1s}\n")
    done = sensorium("pipelines", "check", str(file))
    assert done.status == WRONG_USAGE
    assert f"{file}:2: windows: unknown key" in done.complaint


@pytest.mark.parametrize(
    "arguments",
    [
        ("worker",),
        ("topics", "create"),
        ("topics", "verify"),
        ("simulate",),
        ("results",),
        ("events",),
        ("dlq", "list"),
        ("dlq", "replay"),
    ],
    ids=" ".join,
)
def test_a_broker_that_does_not_answer(
    arguments: tuple[str, ...], sensorium: Sensorium, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("SENSORIUM_KAFKA__BOOTSTRAP", nobody)
    done = sensorium(*arguments, "--pipeline", "call")
    assert done.status == FAILED
    assert f"expected a Kafka broker at {nobody}" in done.complaint


@pytest.mark.integration
def test_a_redis_that_does_not_answer(
    sensorium: Sensorium, on_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = f"redis://127.0.0.1:{free_port()}/0"
    monkeypatch.setenv("SENSORIUM_REDIS__URL", nobody)
    done = sensorium("worker", "--pipeline", "call")
    assert done.status == FAILED
    assert f"no Redis answers at {nobody}" in done.complaint


@pytest.mark.integration
def test_weights_that_are_missing(on_stack: Stack, own_pipeline: tuple[str, str]) -> None:
    path, _ = own_pipeline
    assert run_apart("topics", "create", "--pipeline", path).status == 0
    done = run_apart("worker", "--pipeline", path, "--web-port", "0")
    assert done.status == WRONG_USAGE
    # Health is served, and logged, before the model is looked for.
    assert "model 'no-such-model': expected one of ['call'" in done.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing",), "No such command 'nothing'; see `sensorium --help`"),
        (("worker",), "Missing option '--pipeline'"),
        (("worker", "--nothing"), "No such option: --nothing; see `sensorium worker --help`"),
        (("topics", "list", "--all", "-p", "call"), "--all: expected it or --pipeline, got both"),
        (("topics", "list", "-p", "call", "-p", "call"), "got 'call' twice"),
        (("simulate", "-p", "call", "--speed", "fast"), "--speed: expected a number above 0 or"),
        (("simulate", "-p", "call", "--start", "soon"), "--start: expected 'now' or an RFC 3339"),
        (("simulate", "-p", "call", "--degrade", "x=1"), "expected name=value with one of"),
        (("demo", "--degrade", "nose:loss=1"), "expected any of the sensors asr,"),
        (("feed", "/no/such.wav", "-p", "call"), "/no/such.wav: expected"),
        (("train", "-p", "nothing"), "--pipeline: expected one of call"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], said: str, sensorium: Sensorium) -> None:
    done = sensorium(*arguments)
    assert done.status == WRONG_USAGE
    assert said in done.complaint


def test_ctrl_c_ends_quietly(sensorium: Sensorium, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> dict[str, object]:
        raise KeyboardInterrupt

    monkeypatch.setattr("schemas.pipeline_file.shipped_pipelines", interrupt)
    done = sensorium("pipelines")
    assert (done.status, done.err) == (INTERRUPTED, "")


def test_a_bug_keeps_its_traceback(sensorium: Sensorium, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> dict[str, object]:
        raise ZeroDivisionError

    monkeypatch.setattr("schemas.pipeline_file.shipped_pipelines", fail)
    with pytest.raises(ZeroDivisionError):
        sensorium("pipelines")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ModelError("m", "gone"), WRONG_USAGE),
        (DeviceError("none"), FAILED),
        (OSError(28, "No space left on device"), FAILED),
        (ValueError("a bug"), None),
    ],
)
def test_the_kind_of_error_decides_the_status(error: Exception, status: int | None) -> None:
    assert exit_status(error) == status


def test_of_a_servers_words_only_the_first_line_and_the_log_are_shown(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    log.write_text("one\ntwo\n")
    error = StartRefused("kafka", expected="a", got="b", remedy="c.", log_path=log)
    assert one_line(error) == f"kafka: expected a, got b. c. (log: {log})"
