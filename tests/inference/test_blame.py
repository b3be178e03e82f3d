"""A window that its model fails on: which record is to blame, and what is answered in spite."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from streams.align.types import SensorTally, Window, WindowSample
from streams.compute import Fusion
from workers.errors import DeviceError, NonFiniteError
from workers.inference.blame import find_culprit, fuse_each

BAD = b"poison"


class Fragile:
    """Counts samples; fails where one is poisoned, or where ``fails`` says so of a window."""

    def __init__(self, error: Exception | None = None, fails_empty: bool = False) -> None:
        self.error = error or ValueError("a kernel failed")
        self.fails_empty = fails_empty
        self.runs = 0

    def __call__(self, windows: Sequence[Window]) -> list[Fusion]:
        self.runs += 1
        for window in windows:
            poisoned = any(sample.feature == BAD for sample in window.samples)
            if poisoned or (self.fails_empty and not window.samples):
                raise self.error
        return [Fusion({"count": {str(len(w.samples)): 1.0}}, {}) for w in windows]


def window(count: int, bad: Sequence[int] = (), start_us: int = 0) -> Window:
    samples = tuple(
        WindowSample("cam", "video", offset, offset, offset, BAD if offset in bad else b"fine")
        for offset in range(count)
    )
    tallies = {"cam": SensorTally("video", samples=count, offsets=tuple(range(count)))}
    return Window(0, "s", start_us, start_us + 1_000, samples, tallies, 0)


def test_one_poisoned_window_of_64_leaves_63_answers_as_they_were() -> None:
    windows = [window(5, [3] if at == 41 else [], start_us=at) for at in range(64)]
    answers = fuse_each(Fragile(), windows)
    healthy = fuse_each(Fragile(), [window(5, start_us=at) for at in range(64)])
    assert [a for at, a in enumerate(answers) if at != 41] == [
        a for at, a in enumerate(healthy) if at != 41
    ]


def test_the_window_with_the_culprit_is_answered_without_it() -> None:
    (answer,) = fuse_each(Fragile(), [window(5, [3])])
    assert answer.tasks == {"count": {"4": 1.0}}
    assert answer.failure is None
    assert answer.culprit is not None
    assert (answer.culprit.input, answer.culprit.offset) == ("video", 3)
    assert (answer.culprit.reason, answer.culprit.error_class) == ("fusion_failed", "ValueError")


def test_the_culprits_message_holds_nothing_of_the_error() -> None:
    (answer,) = fuse_each(Fragile(ValueError("payload text")), [window(2, [0])])
    assert answer.culprit is not None
    assert "payload" not in answer.culprit.message


def test_an_answer_that_is_not_finite_has_a_reason_of_its_own() -> None:
    (answer,) = fuse_each(Fragile(NonFiniteError("NaN")), [window(5, [0])])
    assert answer.culprit is not None
    assert answer.culprit.reason == "non_finite_answer"


def test_two_culprits_are_a_failure_and_blame_none() -> None:
    (answer,) = fuse_each(Fragile(), [window(9, [2, 7])])
    assert answer == Fusion({}, {}, failure="fusion_failed")


def test_a_window_that_fails_without_any_sample_is_a_failure() -> None:
    (answer,) = fuse_each(Fragile(fails_empty=True), [window(0)])
    assert answer == Fusion({}, {}, failure="fusion_failed")


def test_a_window_that_fails_with_any_sample_at_all_is_a_failure() -> None:
    def fuse(windows: Sequence[Window]) -> list[Fusion]:
        raise ValueError("always")

    (answer,) = fuse_each(fuse, [window(4)])
    assert answer == Fusion({}, {}, failure="fusion_failed")


def test_the_parts_of_one_record_are_blamed_together() -> None:
    parts = tuple(WindowSample("mic", "audio", 7, at, at + 1, BAD) for at in range(3))
    rest = tuple(WindowSample("mic", "audio", n, n, n, b"fine") for n in range(3))
    tallies = {"mic": SensorTally("audio", samples=4, offsets=(0, 1, 2, 7))}
    found = find_culprit(Fragile(), Window(0, "s", 0, 1_000, rest + parts, tallies, 0))
    assert found is not None
    assert found[0] == ("audio", 7)
    assert found[1].tasks == {"count": {"3": 1.0}}


@pytest.mark.parametrize("at", [0, 499, 999])
def test_a_culprit_among_a_thousand_is_found_in_few_runs(at: int) -> None:
    fuse = Fragile()
    found = find_culprit(fuse, window(1_000, [at]))
    assert found is not None
    assert found[0] == ("video", at)
    assert fuse.runs <= 11


def test_a_device_that_fails_blames_no_window() -> None:
    with pytest.raises(DeviceError):
        fuse_each(Fragile(DeviceError("out of memory")), [window(3, [1])])
