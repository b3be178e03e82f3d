"""Remembered values: worked out once, never more than allowed, and failures not at all."""

from __future__ import annotations

import pytest

from schemas.remembered import Remembered


class Worker:
    """Counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def __call__(self, key: bytes) -> int:
        self.asked.append(key)
        return int(key)


def test_a_value_is_worked_out_once() -> None:
    work = Worker()
    remembered = Remembered(work)
    assert [remembered[b"1"], remembered[b"1"]] == [1, 1]
    assert work.asked == [b"1"]


def test_a_failure_is_passed_on_each_time() -> None:
    work = Worker()
    remembered = Remembered(work)
    for _ in range(2):
        with pytest.raises(ValueError, match="invalid literal"):
            remembered[b"x"]
    assert work.asked == [b"x", b"x"]


def test_no_more_values_are_kept_than_allowed() -> None:
    remembered = Remembered(Worker(), most=10)
    for key in range(1_000):
        assert remembered[b"%d" % key] == key
        assert len(remembered) <= 10


def test_a_long_key_is_not_kept() -> None:
    remembered = Remembered(Worker())
    assert remembered[b"0" * 300 + b"7"] == 7
    assert len(remembered) == 0
