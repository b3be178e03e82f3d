"""Garbage collection for a process whose work makes no reference cycles."""

from __future__ import annotations

import gc

#: Allocations between two looks at the youngest objects: a chunk makes tens of thousands at once,
#: all of which go with it. At Python's 700 a fifth of a worker's time was spent on looking.
_YOUNGEST = 100_000


def tune_gc() -> None:
    """Look for cycles rarely, and never among what was loaded before. Call it once, when the
    process is set up.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNGEST, 20, 50)
