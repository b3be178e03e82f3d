"""Signals: a command closes what it holds, and ends with 128 + the signal's number."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.stack import Stack
from tests.cli.conftest import Sensorium
from tests.cli.test_run import wait_until
from tests.conftest import REPOSITORY
from workers.cli.failures import INTERRUPTED, TERMINATED

PATIENCE_S = 120.0


def signalled(
    arguments: list[str], number: int, until: Callable[[], bool], *, ignoring: bool = False
) -> tuple[int, str]:
    """Exit status and standard error of a command that got a signal, with its whole group.

    ``ignoring``: SIGINT is ignored, as of what a script starts in the background.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "workers.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if ignoring else None,
    )
    try:
        wait_until(lambda: until() or process.poll() is not None, PATIENCE_S)
        os.killpg(process.pid, number)
        _, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.wait()
    return process.returncode, err


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A sound file that takes minutes to align in many sessions."""
    path = tmp_path / "long.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(b"\1\2" * 16_000 * 600)
    return path


@pytest.mark.parametrize(
    ("number", "status", "ignoring"),
    [
        (signal.SIGINT, INTERRUPTED, False),
        (signal.SIGTERM, TERMINATED, False),
        (signal.SIGTERM, TERMINATED, True),
    ],
    ids=["ctrl-c", "sigterm", "sigterm in the background of a script"],
)
def test_an_alignment_that_is_ended_leaves_nothing_behind(
    number: int, status: int, ignoring: bool, recording: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    source, out = f"audio/mic.agent={recording}", str(folder / "windows")
    done = signalled(
        ["align", "-p", "call", source, "--out", out, "--sessions", "50"],
        number,
        lambda: any(folder.rglob("payloads")),
        ignoring=ignoring,
    )
    assert done == (status, "")
    assert list(folder.iterdir()) == []


@pytest.mark.integration
def test_sigterm_ends_a_simulation_with_its_own_status(
    sensorium: Sensorium, on_stack: Stack, tmp_path: Path
) -> None:
    sensorium("topics", "create", "-p", "call")
    truth = tmp_path / "truth.jsonl"
    done = signalled(
        ["simulate", "-p", "call", "--seconds", "300", "--truth", str(truth)],
        signal.SIGTERM,
        lambda: truth.exists() and truth.stat().st_size > 0,
    )
    assert done == (TERMINATED, "")


@pytest.mark.integration
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_whose_model_is_not_loaded_yet_ends_at_once(
    number: signal.Signals, sensorium: Sensorium, on_stack: Stack, tmp_path: Path
) -> None:
    sensorium("topics", "create", "-p", "call")
    log = tmp_path / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "workers.cli", "worker", "-p", "call", "--web-port", "0"],
            stderr=file,
            start_new_session=True,
        )
    try:
        wait_until(
            lambda: "health and metrics" in log.read_text() or process.poll() is not None,
            PATIENCE_S,
        )
        assert process.poll() is None, log.read_text()
        os.killpg(process.pid, number)
        # Ended by the signal itself: nothing was waited for.
        assert process.wait(PATIENCE_S) == -number
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text()


def test_an_interrupt_that_passed_through_generated_code_ends_with_its_status(
    tmp_path: Path,
) -> None:
    # Without more, `python -m` ends such a process by SIGINT.
    (tmp_path / "interrupted.py").write_text(
        "import sys, schemas.pipeline_file as files, workers.cli.main as cli\n"
        "files.shipped_pipelines = lambda: exec('raise KeyboardInterrupt')\n"
        "sys.exit(cli.main(['pipelines']))\n"
    )
    path = os.pathsep.join([str(tmp_path), str(REPOSITORY)])
    done = subprocess.run(
        [sys.executable, "-m", "interrupted"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert (done.returncode, done.stderr) == (INTERRUPTED, "")


_INTERRUPTED_IMPORT = """
import sys

class Interrupting:
    def find_spec(self, name, path, target=None):
        if name == "workers.cli.main":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
from workers.cli.entry import run
run()
"""


def test_ctrl_c_while_the_command_is_imported_ends_it_in_silence() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED_IMPORT], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (INTERRUPTED, "", "")
