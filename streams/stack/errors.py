"""Errors of the embedded stack.

StackError
├── BinaryNotFound       the server program is not installed or cannot be executed
├── StartRefused         the program ended before it was ready (another port is tried first)
├── NotReady             the program runs, but did not answer as itself in time
├── ComponentDied        it was ready once and has ended since, though nobody asked it to
└── NotManaged           the component is not a child of this stack: left out, or named by URL

Each says what was expected, what came and what to do, and names the log where there is one.
"""

from __future__ import annotations

from pathlib import Path

from streams.errors import StreamError

#: Lines of a log quoted in a message: enough for a server's last words, not for its history.
LOG_TAIL_LINES = 8


class StackError(StreamError):
    """Base of every error of the embedded stack.

    ``log_path`` is the component's log, or None where no process was started.
    """

    def __init__(
        self,
        component: str,
        *,
        expected: str,
        got: str,
        remedy: str,
        log_path: Path | None = None,
    ) -> None:
        lines = [f"{component}: expected {expected}, got {got}. {remedy}"]
        if log_path is not None:
            lines.append(f"Log: {log_path}")
            lines += [f"  | {line}" for line in log_tail(log_path)]
        super().__init__("\n".join(lines))
        self.component = component
        self.log_path = log_path


class BinaryNotFound(StackError):
    """The server program is missing, or the file found cannot be executed."""


class StartRefused(StackError):
    """The program ended while it was starting, for example because its port was taken."""

    retriable = True


class NotReady(StackError):
    """The program runs but did not answer as itself before the deadline."""

    retriable = True


class ComponentDied(StackError):
    """A component that was ready has ended without being asked to."""

    retriable = True


class NotManaged(StackError):
    """There is no such child process here to kill, restart or wipe."""


def log_tail(log_path: Path, lines: int = LOG_TAIL_LINES) -> list[str]:
    """Return the last non-empty lines of a log; none where it cannot be read."""
    try:
        text = log_path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]
