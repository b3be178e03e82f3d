"""How a failure of code that is not ours is told: what, and where; never with what was in hand."""

from __future__ import annotations

import traceback
from pathlib import Path

from workers.errors import WorkerError


def told(error: BaseException) -> str:
    """The error's class and the line that raised it: ``KeyError at mine.py:42``. An error of ours
    says more, since its message holds nothing of a sample.

    >>> try:
    ...     {}["secret"]
    ... except KeyError as error:
    ...     told(error).startswith("KeyError at ")
    True
    """
    name = type(error).__name__
    if isinstance(error, WorkerError):
        return f"{name}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{name} at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else name
