"""What can go wrong in a benchmark; a wrong answer of the worker is a figure, not an error."""

from __future__ import annotations

from pathlib import Path

from workers.errors import WorkerError


class BenchError(WorkerError):
    """A measurement could not be made."""


class ContestantEnded(BenchError):
    """A process that was to be measured ended early or was not ready in time."""

    def __init__(self, message: str, log_path: Path) -> None:
        super().__init__(message)
        self.log_path = log_path
