"""Memory of a process that moves megabytes from thread to thread and makes no reference cycles."""

from __future__ import annotations

import ctypes
import gc

#: glibc's ``M_ARENA_MAX``.
_M_ARENA_MAX = -8
#: Allocations between two looks at the youngest objects: a chunk makes tens of thousands at once,
#: all of which go with it. At Python's 700 a fifth of a worker's time was spent on looking.
_YOUNGEST = 100_000


def share_heap() -> None:
    """Let all threads allocate from one heap; call it before the first is started.

    What one thread fetches another frees: with a heap each, glibc keeps tens of megabytes that
    nobody uses. Without effect where the C library is another.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def tune_gc() -> None:
    """Look for cycles rarely, and never among what was loaded before. Call it once, when the
    process is set up.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNGEST, 20, 50)
