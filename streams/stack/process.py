"""One child process of the stack: started on a leash, watched, ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from streams.stack import leash
from streams.stack.errors import BinaryNotFound, StartRefused

#: Seconds a leash gets to end its server and itself: the server's own grace and some to spare.
STOP_TIMEOUT_S = leash.TERM_GRACE_S + 3.0

#: Neither the caller's PYTHON* variables (-I) nor site-packages (-S) matter to the leash.
_LEASH = (sys.executable, "-I", "-S", leash.__file__)

#: The only variables a command inherits by default. Both servers read settings from their
#: environment (tansu even LISTENER_URL and STORAGE_ENGINE), which must not change what the stack
#: promises.
_PASSED_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "RUST_LOG", "RUST_BACKTRACE")


class LeashedProcess:
    """A server process that cannot outlive this one, in a process group of its own.

    ``pid`` is the server's; the leash between it and this process is not shown.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        cwd: Path,
        log_path: Path,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Start ``command`` with its output appended to ``log_path``.

        ``environ``: the command's variables; without it, the few that mean nothing to a server.

        Raises:
            BinaryNotFound: ``command[0]`` cannot be executed.
        """
        self.name = name
        self.log_path = log_path
        lifeline, self._writer = os.pipe()
        reader, report = os.pipe()
        try:
            with log_path.open("ab") as log:
                self._leash = subprocess.Popen(
                    [*_LEASH, str(lifeline), str(report), "--", *command],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=cwd,
                    env=_passed() if environ is None else dict(environ),
                    pass_fds=(lifeline, report),
                    # Out of the terminal's group: Ctrl-C reaches this process alone, which then
                    # ends its servers in its own order.
                    start_new_session=True,
                )
        except BaseException:
            os.close(self._writer)
            os.close(reader)
            raise
        finally:
            os.close(lifeline)
            os.close(report)
        try:
            self.pid = self._read_pid(reader, command)
        except BaseException:
            self.stop()
            raise

    def _read_pid(self, reader: int, command: Sequence[str]) -> int:
        with os.fdopen(reader, "rb") as pipe:
            word, _, rest = pipe.readline().decode(errors="replace").strip().partition(" ")
        if word == "pid":
            return int(rest)
        self._leash.wait()
        if word == "error":
            raise BinaryNotFound(
                self.name,
                expected=f"{command[0]} to be executable on this machine",
                got=rest,
                remedy="Install a build for this platform, or name a server by URL instead.",
                log_path=self.log_path,
            )
        raise StartRefused(
            self.name,
            expected="the process that watches it to start",
            got=f"its exit with status {self._leash.returncode}",
            remedy="The log says why.",
            log_path=self.log_path,
        )

    @property
    def alive(self) -> bool:
        """Whether the server still runs."""
        return self._leash.poll() is None

    @property
    def returncode(self) -> int | None:
        """The server's exit status, 128 + n after signal n, None while it runs."""
        return self._leash.poll()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the server has ended; False if it still runs after ``timeout_s``."""
        try:
            self._leash.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """Kill the server and all it started with SIGKILL, as a crash would."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        """End the server: SIGTERM first, SIGKILL where that does not help. May be called twice."""
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1
        if self._leash.poll() is None:
            self._leash.terminate()
        if not self.wait(STOP_TIMEOUT_S):
            self._leash.kill()  # the server dies with its leash
            self._leash.wait()


def _passed() -> dict[str, str]:
    return {name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ}
