"""What the leash does about commands that do not end by themselves."""

from __future__ import annotations

import signal
import sys

import pytest

from streams.stack import BinaryNotFound
from streams.stack.process import LeashedProcess
from tests.stack.processes import ends_within

READY = "ready"


@pytest.fixture
def run(tmp_path):
    """Start a Python program on a leash and wait until it has said that it is ready."""
    started = []

    def start(program: str) -> LeashedProcess:
        log = tmp_path / "log"
        process = LeashedProcess(
            "test", [sys.executable, "-u", "-c", program], cwd=tmp_path, log_path=log
        )
        started.append(process)
        ended = False
        while READY not in (said := log.read_text()):
            # A short program may say it and end between two looks: look once more after the end.
            assert not ended, said
            ended = process.wait(0.01)
        return process

    yield start
    for process in started:
        process.kill()


def test_a_command_that_ignores_sigterm_is_killed_after_the_grace(run):
    process = run(
        "import signal\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"print('{READY}'); signal.pause()"
    )
    process.stop()
    assert process.returncode == 128 + signal.SIGKILL


def test_what_a_command_started_ends_with_it(run, tmp_path):
    process = run(
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        "open('child', 'w').write(str(child.pid))\n"
        f"print('{READY}'); child.wait()"
    )
    process.stop()
    assert ends_within(int((tmp_path / "child").read_text()), 5)


def test_what_a_command_leaves_behind_ends_with_it(run, tmp_path):
    process = run(
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        "open('child', 'w').write(str(child.pid))\n"
        f"print('{READY}')"
    )
    assert process.wait(5)
    assert ends_within(int((tmp_path / "child").read_text()), 5)


def test_the_exit_status_is_the_commands(run):
    process = run(f"print('{READY}'); raise SystemExit(7)")
    assert process.wait(5)
    assert process.returncode == 7


def test_a_stop_after_the_end_does_nothing(run):
    process = run(f"print('{READY}')")
    assert process.wait(5)
    process.stop()
    process.kill()
    assert process.returncode == 0


def test_settings_in_the_environment_do_not_reach_a_server(run, monkeypatch, tmp_path):
    monkeypatch.setenv("STORAGE_ENGINE", "s3://elsewhere/")
    run(f"import os\nprint(sorted(os.environ), '{READY}')")
    assert "STORAGE_ENGINE" not in (tmp_path / "log").read_text()


def test_a_command_that_does_not_exist_says_so(tmp_path):
    with pytest.raises(BinaryNotFound, match=r"(?s)/no/such/program.*No such file.*Log: "):
        LeashedProcess("test", ["/no/such/program"], cwd=tmp_path, log_path=tmp_path / "log")


def test_a_killed_command_is_never_reported_as_stopped(tmp_path):
    # The stop that follows a kill may meet the leash while it ends, one time in ten. Only many
    # tries show whether its status stays the command's.
    statuses = set()
    for _ in range(40):
        process = LeashedProcess(
            "test", ["/bin/sleep", "100"], cwd=tmp_path, log_path=tmp_path / "log"
        )
        process.kill()
        statuses.add(process.returncode)
    assert statuses == {128 + signal.SIGKILL}
