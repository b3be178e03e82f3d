"""Workers as children of `up` and `demo`: how they are ended."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from workers.demo import worker_process
from workers.demo.worker_process import WorkerProcess, stop_all


class Draining:
    """A process that takes a while to end after SIGTERM."""

    pid = 4_711
    alive = True
    returncode = None

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def wait(self, timeout_s: float) -> bool:
        return False

    def stop(self) -> None:
        self.alive = False


def test_a_worker_that_still_drains_is_not_told_to_give_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(worker_process, "LeashedProcess", Draining)
    monkeypatch.setattr(worker_process.os, "kill", lambda pid, number: sent.append((pid, number)))
    worker = WorkerProcess("call", name="w", arguments=[], environ={}, log_dir=tmp_path)
    stop_all([worker])
    assert sent == [(Draining.pid, signal.SIGTERM)]
