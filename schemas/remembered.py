"""What values mean, each worked out once: a dictionary that fills itself and stays bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K", bound="bytes | str | int | None")
V = TypeVar("V")

#: A longer text is worked out again each time, so that a producer cannot fill the memory.
_LONGEST_KEY = 256


class Remembered(dict[K, V]):
    """``remembered[key]`` is ``work_out(key)``, kept for the next time.

    Finding a kept value costs what a dictionary costs. At ``most`` kept values all are forgotten:
    few distinct ones are expected, and an adversary only makes it slower. What ``work_out`` raises
    is passed on and not kept.

    >>> lengths = Remembered(len, most=2)
    >>> lengths[b"one"], lengths[b"three"], lengths
    (3, 5, {b'one': 3, b'three': 5})
    >>> lengths[b"four"], lengths
    (4, {b'four': 4})
    """

    __slots__ = ("_most", "_work_out")

    def __init__(self, work_out: Callable[[K], V], most: int = 10_000) -> None:
        super().__init__()
        self._work_out = work_out
        self._most = most

    def __missing__(self, key: K) -> V:
        value = self._work_out(key)
        if isinstance(key, bytes | str) and len(key) > _LONGEST_KEY:
            return value
        if len(self) >= self._most:
            self.clear()
        self[key] = value
        return value
