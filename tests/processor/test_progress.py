"""How far inputs are read, and whose reader is too far ahead."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from streams.align.rules import NEVER
from streams.processor.progress import (
    PATIENCE_MS,
    InputProgress,
    all_but_slowest,
    too_far_ahead,
)

NOW_MS = 100_000


def reader(newest_us: int, *, is_read: bool = False, moved_ms: int = NOW_MS) -> InputProgress:
    return InputProgress(newest_us=newest_us, is_read=is_read, moved_ms=moved_ms)


def test_an_input_that_is_read_to_its_end_is_read_through_the_moment_of_that_end() -> None:
    one = InputProgress()
    one.note(7, 7, 500)
    assert (one.is_read, one.read_through_ms) == (True, 500)


def test_an_input_that_was_never_read_to_an_end_is_read_through_nothing() -> None:
    one = InputProgress()
    one.note(3, 7, 500)
    assert (one.is_read, one.read_through_ms) == (False, NEVER)


def test_a_reader_that_passes_an_earlier_end_is_through_the_moment_it_was_seen() -> None:
    one = InputProgress()
    for applied, end, known_ms in ((0, 7, 500), (3, 9, 600), (8, 20, 700)):
        one.note(applied, end, known_ms)
    assert (one.is_read, one.read_through_ms) == (False, 500)
    one.note(9, 30, 800)
    assert one.read_through_ms == 600


def test_the_first_moment_of_an_end_is_the_one_that_is_remembered() -> None:
    one = InputProgress()
    one.note(0, 7, 500)
    one.note(0, 7, 600)
    one.note(7, 8, 700)
    assert one.read_through_ms == 500


def test_an_end_that_is_known_of_old_does_not_become_newer_by_asking() -> None:
    one = InputProgress()
    for _ in range(3):
        one.note(7, 7, 500)
    assert one.read_through_ms == 500


def test_a_reader_far_behind_remembers_no_more_ends_than_it_may() -> None:
    one = InputProgress()
    for n in range(1, 1_000):
        one.note(0, n, n)
    assert len(one.ends) == one.ends.maxlen
    one.note(1, 1_000, 1_000)
    assert one.read_through_ms == 1


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=200))
def test_what_counts_as_read_through_was_applied_by_then(steps: list[tuple[int, int]]) -> None:
    one, applied, end = InputProgress(), 0, 0
    ends: deque[int] = deque()
    for known_ms, (produced, read) in enumerate(steps):
        end += produced
        applied = min(end, applied + read)
        ends.append(end)
        one.note(applied, end, known_ms)
        if one.read_through_ms != NEVER:
            assert ends[one.read_through_ms] <= applied
        assert one.is_read == (applied == end)


def test_an_input_further_ahead_of_the_slowest_than_it_may_be_is_held_back() -> None:
    inputs = {"slow": reader(1_000), "near": reader(1_500), "far": reader(1_501)}
    assert list(too_far_ahead(inputs, 500, NOW_MS)) == ["far"]


def test_an_input_that_is_read_to_its_end_is_not_waited_for() -> None:
    inputs = {"done": reader(0, is_read=True), "slow": reader(1_000), "far": reader(1_400)}
    assert list(too_far_ahead(inputs, 500, NOW_MS)) == []


def test_an_input_that_is_read_to_its_end_may_itself_be_too_far_ahead() -> None:
    inputs = {"slow": reader(0), "far": reader(1_000, is_read=True)}
    assert list(too_far_ahead(inputs, 500, NOW_MS)) == ["far"]


def test_a_slow_input_that_does_not_move_is_waited_for_no_longer_than_the_patience() -> None:
    def held(stalled_ms: int) -> list[str]:
        slow = reader(0, moved_ms=NOW_MS - stalled_ms)
        return list(too_far_ahead({"slow": slow, "far": reader(1_000)}, 500, NOW_MS))

    assert (held(PATIENCE_MS - 1), held(PATIENCE_MS)) == (["far"], [])


def test_nobody_is_held_back_where_everything_is_read() -> None:
    inputs = {"a": reader(0, is_read=True), "b": reader(9_999, is_read=True)}
    assert list(too_far_ahead(inputs, 500, NOW_MS)) == []


def test_in_a_full_shard_all_but_the_slowest_are_held_back() -> None:
    inputs = {"done": reader(0, is_read=True), "slow": reader(10), "fast": reader(20)}
    assert list(all_but_slowest(inputs, NOW_MS)) == ["done", "fast"]


def test_in_a_full_shard_nobody_is_held_back_where_everything_is_read() -> None:
    inputs = {"a": reader(0, is_read=True), "b": reader(10, is_read=True)}
    assert list(all_but_slowest(inputs, NOW_MS)) == []


def test_in_a_full_shard_an_input_that_does_not_move_is_not_the_one_to_wait_for() -> None:
    stuck = reader(0, moved_ms=NOW_MS - PATIENCE_MS)
    assert list(all_but_slowest({"stuck": stuck, "b": reader(10)}, NOW_MS)) == ["stuck"]
    assert list(all_but_slowest({"stuck": stuck}, NOW_MS)) == []
