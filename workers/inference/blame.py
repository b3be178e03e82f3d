"""Which record of a window its model fails on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import lru_cache

from msgspec.structs import replace

from streams.align.blame import RecordKey, only, records_of, without
from streams.align.types import Window
from streams.compute import Culprit, Fusion
from workers.errors import NonFiniteError
from workers.failing import told
from workers.inference.isolation import isolate

log = logging.getLogger(__name__)

Fuse = Callable[[Sequence[Window]], Sequence[Fusion]]


def fuse_each(fuse: Fuse, windows: Sequence[Window]) -> list[Fusion]:
    """One answer per window: where the model fails on a window, without the record that is to
    blame, or with a failure in place of an answer where no single record is.

    Raises errors that blame no window (``WorkerError.blames_item``).
    """
    found = isolate(fuse, windows)
    return [
        _answer_in_spite(fuse, window, answer) if isinstance(answer, Exception) else answer
        for window, answer in zip(windows, found, strict=True)
    ]


def _answer_in_spite(fuse: Fuse, window: Window, error: Exception) -> Fusion:
    blamed = find_culprit(fuse, window)
    if blamed is None:
        _warn(told(error))
        return Fusion({}, {}, failure=_reason(error))
    record, answer = blamed
    name = type(error).__name__
    message = f"fusion failed with {told(error)} in the window at {window.start_us} µs that had it"
    return replace(answer, culprit=Culprit(*record, _reason(error), name, message))


@lru_cache(maxsize=256)
def _warn(what: str) -> None:
    """Say why windows have no answer; the same reason once, as it may hold for every window."""
    log.warning("windows have a failure in place of an answer: fusion failed with %s", what)


def find_culprit(fuse: Fuse, window: Window) -> tuple[RecordKey, Fusion] | None:
    """The one record without which a failing window can be fused, and the answer without it.

    The records are halved, about log2(n) runs, and the one that is left is left out to see whether
    it was the only one. ``None``: it was not, or the window fails without any sample.
    """
    suspects = records_of(window)
    if not suspects:
        return None
    while len(suspects) > 1:
        first = suspects[: len(suspects) // 2]
        fails = isinstance(isolate(fuse, [only(window, frozenset(first))])[0], Exception)
        suspects = first if fails else suspects[len(first) :]
    (answer,) = isolate(fuse, [without(window, suspects[0])])
    return None if isinstance(answer, Exception) else (suspects[0], answer)


def _reason(error: Exception) -> str:
    return "non_finite_answer" if isinstance(error, NonFiniteError) else "fusion_failed"
