"""SIGTERM ends a command as Ctrl-C does: what it holds is closed, its children end first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[Callable[[], bool]]:
    """While the block runs SIGTERM raises ``KeyboardInterrupt``, or cancels what ``asyncio.run``
    runs; gives a function that says whether it came. The work may handle it in another way.
    """
    came = False

    def on_term(_number: int, _frame: FrameType | None) -> None:
        nonlocal came
        came = True
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            # As a shell starts what it puts into the background: SIGTERM has to end that, too.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.raise_signal(signal.SIGINT)

    if threading.current_thread() is not threading.main_thread():
        # Only the main thread may set handlers, and gets signals.
        yield lambda: False
        return
    before = signal.signal(signal.SIGTERM, on_term)
    try:
        yield lambda: came
    finally:
        signal.signal(signal.SIGTERM, before)
