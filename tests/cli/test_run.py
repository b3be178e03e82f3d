"""`simulate`, `up` and `demo`: real servers, real workers, the shipped model of calls."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.stack import Stack
from tests.cli.conftest import Sensorium, run_apart
from workers.cli.failures import TERMINATED, WRONG_USAGE

pytestmark = pytest.mark.integration


def test_simulate_feeds_a_scene_and_writes_its_truth_beside(
    sensorium: Sensorium, on_stack: Stack, tmp_path: Path
) -> None:
    sensorium("topics", "create", "-p", "call")
    truth = tmp_path / "truth.jsonl"
    scene = ("--seconds", "6", "--sessions", "2", "--start", "2026-03-01T12:00:00Z")
    done = sensorium(
        "simulate", "-p", "call", *scene, "--speed", "max", "--truth", str(truth), "--json"
    )
    summary = json.loads(done.out)
    lines = [json.loads(line) for line in truth.read_text().splitlines()]
    assert (summary["sessions"], summary["failed"]) == (["call-0001", "call-0002"], 0)
    assert summary["samples_fed"] == sum(summary["samples"].values()) > 100
    assert len(lines) == 2 * 6 // 2
    assert any("sentiment" in line["labels"] for line in lines)


def test_simulate_can_leave_an_input_out(sensorium: Sensorium, on_stack: Stack) -> None:
    sensorium("topics", "create", "-p", "call")
    done = sensorium(
        "simulate", "-p", "call", "--seconds", "2", "--without", "video", "--speed", "max", "--json"
    )
    inputs = {name.partition("/")[0] for name in json.loads(done.out)["samples"]}
    assert "audio" in inputs
    assert "video" not in inputs


def test_a_call_is_shown_the_whole_way(tmp_path: Path) -> None:
    done = run_apart("demo", "--pipeline", "call", "--seconds", "6", "--json")
    assert done.out, done.err
    (line,) = done.out.splitlines()
    summary = json.loads(line)
    assert summary["pipeline"] == "call"
    assert summary["windows_expected"] == summary["results_final"] > 0
    assert (summary["results_missing"], summary["results_duplicated"]) == (0, 0)
    assert summary["dead_letters"] == 0
    assert summary["latency_ms"]["p99"] >= summary["latency_ms"]["p50"] > 0
    assert done.status == (0 if summary["accuracy"] >= 0.95 else 1)


def test_a_worker_that_cannot_start_ends_the_demo_with_the_workers_own_words(
    tmp_path: Path,
) -> None:
    file = tmp_path / "call.yaml"
    text = run_apart("pipelines", "show", "call").out
    file.write_text(text.replace("  name: call\n", "  name: no-such-model\n"))
    done = run_apart("demo", "--pipeline", str(file), "--json")
    assert done.out == ""
    assert "model 'no-such-model': expected one of" in done.err.splitlines()[-1]


@contextmanager
def started_up(env_file: Path) -> Iterator[subprocess.Popen[str]]:
    """`sensorium up` once it is ready."""
    options = ("--env-file", str(env_file), "--json")
    command = [sys.executable, "-m", "workers.cli", "up", "-p", "call", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: env_file.exists() or process.poll() is not None, 90)
        assert env_file.exists(), process.communicate()[1]
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=60)


def wait_until(holds: Callable[[], bool], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def children_of(pid: int) -> list[int]:
    listed = subprocess.run(
        ["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    direct = [child for child, parent in pairs if parent == pid]
    return direct + [grandchild for child in direct for grandchild in children_of(child)]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_up_serves_other_terminals_and_leaves_no_child_behind(
    sensorium: Sensorium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file = tmp_path / "sensorium.env"
    with started_up(env_file) as process:
        for line in env_file.read_text().splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            monkeypatch.setenv(name, value)
        sensorium("simulate", "-p", "call", "--seconds", "4", "--speed", "max")
        came = sensorium("results", "-p", "call", "--from-beginning", "--limit", "1",
                         "--timeout", "30", "--json")  # fmt: skip
        assert json.loads(came.out)["final"] is True
        children = children_of(process.pid)
        assert len(children) >= 6  # broker, Redis and worker, each on its leash
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (TERMINATED, "")
        ready, ended = map(json.loads, out.splitlines())
        assert (ready["state"], ready["kafka"]) == (
            "ready",
            os.environ["SENSORIUM_KAFKA__BOOTSTRAP"],
        )
        (worker,) = ready["workers"]
        assert (worker["pipeline"], worker["pid"] in children) == ("call", True)
        assert ended == {"state": "ended", "workers": [{"name": "worker-call-1", "status": 0}]}
        wait_until(lambda: not any(map(is_running, children)), 10)


def test_up_checks_the_pipeline_before_it_starts_anything(sensorium: Sensorium) -> None:
    assert sensorium("up", "-p", "nothing").status == WRONG_USAGE


def test_up_refuses_more_workers_than_a_pipeline_has_partitions(sensorium: Sensorium) -> None:
    done = sensorium("up", "-p", "call", "-p", "vehicle", "--workers", "5")
    assert (done.status, done.err) == (
        WRONG_USAGE,
        "sensorium: --workers: expected at most 4, the partitions of call, got 5; a worker without "
        "one has nothing to do\n",
    )
