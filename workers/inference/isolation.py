"""Finding the items that a failed batch fails for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from workers.errors import WorkerError

In = TypeVar("In")
Out = TypeVar("Out")


def isolate(
    run: Callable[[Sequence[In]], Sequence[Out]], items: Sequence[In]
) -> list[Out | Exception]:
    """Run a batch; where it fails, halve it until only what fails alone has failed.

    One bad item in n costs about 2·log2(n) runs more. An error that is no item's fault
    (``WorkerError.blames_item`` is False) is raised at once.
    """
    try:
        return list(run(items))
    except WorkerError as error:
        if not error.blames_item:
            raise
        if len(items) == 1:
            return [error]
    except Exception as error:
        if len(items) == 1:
            return [error]
    half = len(items) // 2
    return isolate(run, items[:half]) + isolate(run, items[half:])
