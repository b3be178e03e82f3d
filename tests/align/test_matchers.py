"""Matchers, each fact on its own; the guarantees of exclusive matching by hypothesis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from streams.align.kept import Run
from streams.align.matchers import collect, hold, match, nearest, usable
from streams.align.rules import NEVER
from streams.align.spec import AlignSpec
from streams.align.types import PART, Entry
from tests.align.worlds import rule, spec_of

NEAREST = rule("lidar", matcher="nearest", reference_us=50, tolerance_us=70)


def kept(offset: int, start_us: int, *, feature: bytes | None = b"f", part: int = 0) -> Entry:
    return Entry("a", "top", offset, start_us, start_us, feature, part)


def run(*records: Entry, after_us: int = NEVER) -> Run:
    return Run(0, "top", after_us, list(records))


def offsets(found: Iterable[Entry]) -> list[int]:
    return [one.offset for one in found]


def test_the_closest_candidate_is_chosen() -> None:
    found = nearest(NEAREST, 0, [kept(0, 10), kept(1, 55), kept(2, 90)])
    assert found == kept(1, 55)


def test_of_two_equally_close_candidates_the_earlier_is_chosen() -> None:
    assert nearest(NEAREST, 0, [kept(0, 60), kept(1, 40)]) == kept(1, 40)


def test_of_two_candidates_at_one_time_the_lower_offset_is_chosen() -> None:
    assert nearest(NEAREST, 0, [kept(7, 40), kept(3, 40)]) == kept(3, 40)


def test_a_candidate_beyond_the_tolerance_is_not_chosen() -> None:
    assert nearest(NEAREST, 0, [kept(0, 121)]) is None


def test_a_sample_that_came_after_the_window_closed_is_not_used() -> None:
    runs = [run(kept(0, 50), after_us=0), run(kept(1, 50), after_us=-100)]
    assert offsets(usable(runs, 0)) == [1]


def test_what_is_only_counted_is_not_used() -> None:
    records = [kept(0, 50, feature=None), kept(1, 50, part=PART)]
    assert offsets(collect(0, 100, records)) == [1]


def test_hold_takes_the_newest_from_before_the_windows_end() -> None:
    held = rule("image", matcher="hold", max_age_us=500)
    values = [run(kept(0, 20)), run(kept(1, 99)), run(kept(2, 100))]
    assert offsets(hold(held, 0, 100, values)) == [1]


def test_hold_takes_nothing_older_than_its_age() -> None:
    held = rule("image", matcher="hold", max_age_us=500)
    assert [offsets(hold(held, 0, 100, [run(kept(0, at))])) for at in (-400, -401)] == [[0], []]


EXCLUSIVE = rule(
    "lidar", matcher="nearest", reference_us=50, tolerance_us=90, exclusive=True, sensors=("top",)
)
GRID = spec_of(EXCLUSIVE)
WINDOWS = range(-300, 1_300, 100)

times = st.lists(st.integers(0, 1_000), min_size=1, max_size=30)


def chosen(spec: AlignSpec, at: Sequence[int], windows: Sequence[int]) -> dict[int, Entry]:
    records = [run(kept(offset, start_us)) for offset, start_us in enumerate(at)]
    triggers = list(windows) if spec.trigger else []
    found = {w: match(spec, EXCLUSIVE, w, records, (), triggers) for w in windows}
    return {window: one[0] for window, one in found.items() if one}


@given(times)
def test_exclusive_uses_no_sample_twice(at: list[int]) -> None:
    used = offsets(chosen(GRID, at, WINDOWS).values())
    assert len(set(used)) == len(used)


@given(times)
def test_exclusive_matches_never_cross(at: list[int]) -> None:
    found = chosen(GRID, at, WINDOWS)
    starts = [found[window].start_us for window in sorted(found)]
    assert starts == sorted(starts)


@given(times)
def test_exclusive_stays_within_the_tolerance(at: list[int]) -> None:
    for window, one in chosen(GRID, at, WINDOWS).items():
        assert abs(one.start_us - window - 50) <= 90


@given(times)
def test_exclusive_gives_a_window_the_nearest_of_the_samples_that_are_nearest_to_it(
    at: list[int],
) -> None:
    found = chosen(GRID, at, WINDOWS)
    for window in WINDOWS:
        own = [t for t in at if window < t <= window + 100]
        if own:
            nearest_us = min(abs(t - window - 50) for t in own)
            assert abs(found[window].start_us - window - 50) == nearest_us


def test_exclusive_gives_what_one_window_left_over_to_the_next_that_has_none() -> None:
    found = chosen(GRID, [55, 95], [0, 100])
    assert {window: one.start_us for window, one in found.items()} == {0: 55, 100: 95}


TRIGGERED = spec_of(EXCLUSIVE, trigger=(0, "cam"))


@given(times, st.sets(st.integers(0, 1_000), min_size=1, max_size=12))
def test_exclusive_around_triggers_uses_no_sample_twice_and_never_crosses(
    at: list[int], triggers: set[int]
) -> None:
    found = chosen(TRIGGERED, at, sorted(triggers))
    starts = [(found[window].start_us, found[window].offset) for window in sorted(found)]
    assert starts == sorted(set(starts))
