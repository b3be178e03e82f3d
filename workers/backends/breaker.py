"""A circuit breaker: a server that is gone costs one time-out now and then, not one a batch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Breaker:
    """Closed at first. ``failures`` in a row open it for ``pause_s``; then one call is let through
    (half-open), whose outcome closes it or opens it again. Nygard, Release It!, 2007.

    For use from many threads. ``clock_s`` counts seconds.
    """

    def __init__(
        self, failures: int, pause_s: float, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._failures = failures
        self._pause_s = pause_s
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._open_until_s: float | None = None
        self._trying = False

    def allows(self) -> bool:
        """Whether a call may be made now; who is told yes says how it went."""
        with self._lock:
            if self._open_until_s is None:
                return True
            if self._trying or self._clock_s() < self._open_until_s:
                return False
            self._trying = True
            return True

    def succeeded(self) -> None:
        """The server answered."""
        with self._lock:
            self._in_a_row = 0
            self._open_until_s = None
            self._trying = False

    def failed(self) -> None:
        """The server did not answer."""
        with self._lock:
            self._in_a_row += 1
            if self._trying or self._in_a_row >= self._failures:
                self._open_until_s = self._clock_s() + self._pause_s
            self._trying = False
