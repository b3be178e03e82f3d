"""Running a command that has children."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_with_children(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; when interrupted the work is cancelled, and ends its children.

    A group of errors is raised as its first one.
    """
    try:
        return asyncio.run(work)
    except BaseExceptionGroup as group:
        raise _first(group) from None


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
