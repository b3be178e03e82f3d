"""One component of the stack: a server on a loopback port that tests may kill and restart."""

from __future__ import annotations

import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from streams.stack.errors import ComponentDied, NotReady, StartRefused
from streams.stack.probes import LOOPBACK
from streams.stack.process import LeashedProcess

#: Seconds until a server must answer. Both need 10 to 150 ms; the worst case is a first start on
#: a loaded machine that reads a 40 MB binary from a slow disk.
READY_TIMEOUT_S = 20.0

#: Seconds between two probes. A wait on the process, so that its end is seen at once.
PROBE_INTERVAL_S = 0.01

#: Starts that may fail one after the other. A port is free when it is picked and can be taken
#: before it is used; five such losses in a row mean another cause.
START_ATTEMPTS = 5

#: Seconds between two tries to start on a port that must stay the same. A port is refused while
#: another process uses it as the local end of a connection, which passes.
SAME_PORT_RETRY_S = 0.2


class StackProcess(ABC):
    """A server of the stack. It keeps its name, port and log; each start gets a new process.

    Not safe for use from several threads at once.
    """

    #: The name in messages, of the log file and of the server's working folder.
    name: ClassVar[str]

    def __init__(self, data_dir: Path) -> None:
        self.log_path = data_dir / f"{self.name}.log"
        self.work_dir = data_dir / self.name
        self.port = 0
        self._process: LeashedProcess | None = None

    @abstractmethod
    def command(self, port: int) -> Sequence[str]:
        """Return the command line that serves on a loopback port.

        Raises:
            BinaryNotFound: the program is not installed.
        """

    @abstractmethod
    def answers_as(self, process: LeashedProcess, port: int) -> bool:
        """Whether it is ``process`` that serves on the port; OSError while nothing answers."""

    @property
    def address(self) -> str:
        """``host:port``, the same after a restart."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int:
        """The server's process id; 0 before the first start."""
        return self._process.pid if self._process is not None else 0

    @property
    def alive(self) -> bool:
        """Whether the server's process still runs."""
        return self._process is not None and self._process.alive

    def start(self) -> None:
        """Start on a free port and return when the server answers."""
        for attempt in range(1, START_ATTEMPTS + 1):
            port = free_port()
            try:
                self._start_on(port)
            except StartRefused:
                if attempt == START_ATTEMPTS:
                    raise
            else:
                return

    def restart(self) -> None:
        """Start again on the same port, killing the server first where it still runs.

        The server's memory is lost. Raises StartRefused where the port is not given back within
        the time for a start.
        """
        self.kill()
        deadline = time.monotonic() + READY_TIMEOUT_S
        while True:
            try:
                self._start_on(self.port)
            except StartRefused:
                if time.monotonic() + SAME_PORT_RETRY_S > deadline:
                    raise
                time.sleep(SAME_PORT_RETRY_S)
            else:
                return

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would. Without effect when it is down."""
        if self._process is not None:
            self._process.kill()

    def stop(self) -> None:
        """End the server in its own way. Without effect when it is down."""
        if self._process is not None:
            self._process.stop()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the server has ended; False if it still runs after ``timeout_s``."""
        return self._process is None or self._process.wait(timeout_s)

    def check(self) -> None:
        """Raise ComponentDied where the server has ended."""
        if self._process is None or self._process.alive:
            return
        raise ComponentDied(
            self.name,
            expected=f"the server at {self.address} (pid {self.pid}) to run",
            got=f"its end with status {self._process.returncode}",
            remedy="Start the stack again; what only its memory held is lost.",
            log_path=self.log_path,
        )

    def _start_on(self, port: int) -> None:
        self.work_dir.mkdir(parents=True, exist_ok=True)
        process = LeashedProcess(
            self.name, self.command(port), cwd=self.work_dir, log_path=self.log_path
        )
        try:
            self._await_ready(process, port)
        except BaseException:
            process.kill()
            raise
        self._process, self.port = process, port

    def _await_ready(self, process: LeashedProcess, port: int) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        last_answer = "no connection was tried"
        while time.monotonic() < deadline:
            if process.wait(PROBE_INTERVAL_S):
                raise StartRefused(
                    self.name,
                    expected=f"a server on {LOOPBACK}:{port}",
                    got=f"its end with status {process.returncode} before it was ready",
                    remedy="The port may be taken; the log says more.",
                    log_path=self.log_path,
                )
            try:
                if self.answers_as(process, port):
                    return
            except (OSError, ValueError) as error:
                last_answer = str(error)
            else:
                last_answer = "another server answers on this port"
        raise NotReady(
            self.name,
            expected=f"an answer on {LOOPBACK}:{port} within {READY_TIMEOUT_S:g} s",
            got=last_answer,
            remedy="Is the machine overloaded? Otherwise the log says more.",
            log_path=self.log_path,
        )


def free_port() -> int:
    """Return a loopback port that nothing used a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port
