"""Run one command and end it, with everything it started, when the parent is gone.

    python leash.py LIFELINE_FD REPORT_FD -- COMMAND ...

A process of its own stands between the parent and each server because nothing inside the parent
survives ``kill -9``, and because the two ways without such a process have holes:

- ``PR_SET_PDEATHSIG`` set by the parent fires when the *thread* that forked ends, so a stack
  started from a pool thread would lose its servers early; and it needs ``preexec_fn``, which can
  deadlock in a process with threads. Here it is safe: this process has one thread. It is used
  below only for the case that the leash itself is killed.
- ``atexit`` and signal handlers never run under ``kill -9``.

The leash holds the reading end of a pipe whose only writer is the parent. However the parent
ends, the kernel closes the writer, and the read end becomes readable at once. One hole is left: a
process forked from the parent without exec inherits the writer. So the leash looks now and then
whether it still has the same parent.

Only the standard library is used, and the file is run by path, so that a start costs some 20 ms.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType

#: Seconds a server has to close its sockets after SIGTERM, before its group is killed. Both
#: servers hold only memory and end within milliseconds; the worst case is one that hangs.
TERM_GRACE_S = 2.0

#: Seconds between looks at the parent's id. Only the fork-without-exec case waits this long.
ORPHAN_CHECK_S = 1.0

#: Exit status when the command could not be executed, as a shell has it.
EXIT_NOT_EXECUTABLE = 127

_PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> int:
    """Run ``argv[4:]`` until it ends by itself, SIGTERM comes, or the parent is gone."""
    lifeline, report, command = int(argv[1]), int(argv[2]), argv[4:]
    parent = os.getppid()
    wakeup, released = _catch_signals()
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            process_group=0,
            preexec_fn=_die_with_the_leash() if sys.platform == "linux" else None,
        )
    except OSError as error:
        os.write(report, f"error {error}\n".encode())
        return EXIT_NOT_EXECUTABLE
    os.write(report, f"pid {child.pid}\n".encode())
    os.close(report)

    while child.poll() is None:
        ready, _, _ = select.select([lifeline, wakeup], [], [], ORPHAN_CHECK_S)
        if wakeup in ready:
            os.read(wakeup, 512)
        if lifeline in ready or released or os.getppid() != parent:
            _end(child)
            break
    # What the command started and left behind is in its process group still.
    _signal_group(child.pid, signal.SIGKILL)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _catch_signals() -> tuple[int, list[int]]:
    """Return a descriptor that a signal makes readable, and the list SIGTERM is noted in."""
    released: list[int] = []

    def note(signum: int, frame: FrameType | None) -> None:
        if signum != signal.SIGCHLD:
            released.append(signum)

    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for signum in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, note)
    return reader, released


def _die_with_the_leash() -> Callable[[], None]:
    """Return a function for the child, between fork and exec, that ties it to this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    leash = os.getpid()

    def tie() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != leash:  # killed before the line above took effect
            os._exit(EXIT_NOT_EXECUTABLE)

    return tie


def _end(child: subprocess.Popen[bytes]) -> None:
    _signal_group(child.pid, signal.SIGTERM)
    deadline = time.monotonic() + TERM_GRACE_S
    while child.poll() is None:
        if time.monotonic() > deadline:
            _signal_group(child.pid, signal.SIGKILL)
            child.wait()
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=0.05)


def _signal_group(group: int, signum: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signum)


if __name__ == "__main__":
    # Not sys.exit: while Python shuts down it puts SIGTERM back to its default, and a stop that
    # comes just then would end the leash with a status that is not the server's.
    os._exit(main(sys.argv))
