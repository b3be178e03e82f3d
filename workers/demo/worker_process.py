"""Workers as child processes: started on a leash, awaited until ready, ended by SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from streams.stack.component import free_port
from streams.stack.errors import log_tail
from streams.stack.process import LeashedProcess
from workers.errors import WorkerError

#: Seconds until a worker must be ready. Loading torch takes 3 on an idle core; three workers that
#: start together on two busy cores took 20.
READY_TIMEOUT_S = 90.0
#: Seconds from SIGTERM until a worker is killed: it publishes what is due and leaves its group.
STOP_TIMEOUT_S = 20.0
#: Seconds between two looks at ``/readyz``; a wait on the process, so its end is seen at once.
_PROBE_INTERVAL_S = 0.1
_COMPLAINT = "sensorium: "


class WorkerEnded(WorkerError):
    """A worker process ended although nobody asked it to, or was not ready in time."""

    def __init__(self, message: str, log_path: Path) -> None:
        super().__init__(message)
        self.log_path = log_path


class WorkerProcess:
    """One ``sensorium worker``; it cannot outlive this process."""

    def __init__(
        self,
        pipeline: str,
        *,
        name: str,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        log_dir: Path,
    ) -> None:
        """``pipeline``: as ``--pipeline`` takes it; ``name``: in messages and of the log file."""
        self.name = name
        self.pipeline = pipeline
        self.log_path = log_dir / f"{name}.log"
        self._port = free_port()
        self._asked = False
        command = [sys.executable, "-m", "workers.cli", "worker", "--pipeline", pipeline]
        self._process = LeashedProcess(
            name,
            [*command, "--web-port", str(self._port), *arguments],
            cwd=Path.cwd(),
            log_path=self.log_path,
            environ=environ,
        )

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    @property
    def url(self) -> str:
        """Where it serves /metrics, /livez and /readyz."""
        return f"http://127.0.0.1:{self._port}"

    async def ready(self) -> None:
        """Return once ``/readyz`` says yes. Raises ``WorkerEnded``."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            if await asyncio.to_thread(self._process.wait, _PROBE_INTERVAL_S):
                self.check()
            if await asyncio.to_thread(self._answers_ready):
                return
        raise WorkerEnded(
            f"{self.name}: expected to be ready within {READY_TIMEOUT_S:g} s, got "
            f"{self._last_words() or 'no word'}; is the machine overloaded?",
            self.log_path,
        )

    def check(self) -> None:
        """Raise ``WorkerEnded`` where the process has ended."""
        if self._process.alive:
            return
        raise WorkerEnded(
            f"{self.name}: expected it to run, got its end with status "
            f"{self._process.returncode}: {self._last_words() or 'it said nothing'}",
            self.log_path,
        )

    def ask_to_stop(self) -> None:
        """Send SIGTERM, once; without effect where it has ended."""
        # A second signal tells a worker to give up what it has in hand.
        if self._process.alive and not self._asked:
            self._asked = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGTERM)

    def stop(self) -> int | None:
        """End it and return its exit status; killed where SIGTERM does not help."""
        self.ask_to_stop()
        self._process.wait(STOP_TIMEOUT_S)
        self._process.stop()
        return self._process.returncode

    def _last_words(self) -> str:
        lines = log_tail(self.log_path)
        complaints = [line for line in lines if line.startswith(_COMPLAINT)]
        return complaints[-1].removeprefix(_COMPLAINT) if complaints else "".join(lines[-1:])

    def _answers_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def stop_all(workers: Sequence[WorkerProcess]) -> list[int | None]:
    """End them all at the same time; their exit statuses."""
    for worker in workers:
        worker.ask_to_stop()
    return [worker.stop() for worker in workers]
