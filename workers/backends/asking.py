"""How every server is asked: bounded in time, tries and calls at once, and left alone when gone."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import TypeVar

from schemas.remote import RemoteCall
from workers.backends.breaker import Breaker
from workers.errors import RemoteError

T = TypeVar("T")

#: First and longest pause before a call is tried again, seconds.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 2.0


class Asker:
    """Makes calls to one server as its ``RemoteCall`` says. For use from many threads."""

    def __init__(self, server: str, rules: RemoteCall) -> None:
        """``server``: its name in messages."""
        self._server = server
        self._retries = rules.retries
        self._lanes = threading.BoundedSemaphore(rules.concurrency)
        self._breaker = Breaker(rules.breaker_failures, rules.breaker_pause.total_seconds())
        self._closed = threading.Event()

    def ask(self, call: Callable[[], T]) -> T:
        """What ``call`` returns; it bounds its own time. Called again after a retriable
        ``RemoteError``, each time after a pause twice as long, up to half of it by chance, so that
        workers that failed together do not come back together.

        Raises ``RemoteError``: the last one, or at once where the server is being left alone.
        """
        pause_s = _FIRST_PAUSE_S
        for tries_left in range(self._retries, -1, -1):
            try:
                return self._once(call)
            except _LeftAlone:
                raise
            except RemoteError as error:
                if not error.retriable or not tries_left:
                    raise
            if self._closed.wait(pause_s * random.uniform(0.5, 1.0)):
                raise RemoteError(self._server, "the worker ends")
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        raise AssertionError("the last try returns or raises")

    def close(self) -> None:
        """Wait for no pause any more."""
        self._closed.set()

    def _once(self, call: Callable[[], T]) -> T:
        with self._lanes:
            if not self._breaker.allows():
                raise _LeftAlone(self._server, "did not answer before, and is left alone for now")
            try:
                answer = call()
            except RemoteError as error:
                # A refusal is an answer, too: the server is there.
                (self._breaker.failed if error.retriable else self._breaker.succeeded)()
                raise
            except BaseException:
                self._breaker.succeeded()
                raise
            self._breaker.succeeded()
            return answer


class _LeftAlone(RemoteError):
    """The breaker is open."""
