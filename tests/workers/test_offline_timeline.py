"""The aligner over a recording: what closes when, and that nothing is left open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from streams.align.spec import AlignSpec, InputRule
from streams.align.types import Entry, Window
from workers.offline.timeline import Replay, Timeline

SECOND_US = 1_000_000


def spec(*inputs: InputRule, **changes: Any) -> AlignSpec:
    return AlignSpec("p", SECOND_US, inputs, **changes)


def rule(name: str, *sensors: str, **changes: Any) -> InputRule:
    return InputRule(name, "audio", sensors=sensors, **changes)


def play(timeline: Timeline, *moments: tuple[str, str, float], delay_s: float = 0.0) -> None:
    """Add instants (input, sensor, seconds), each due when it takes place or later."""
    offsets: dict[str, int] = {}
    for input, sensor, at_s in moments:
        offset = offsets[input] = offsets.get(input, -1) + 1
        at_us = round(at_s * SECOND_US)
        entry = Entry("s", sensor, offset, at_us, at_us, b"x")
        timeline.add(input, offset, at_us + round(delay_s * SECOND_US), [entry])


def starts_s(windows: Iterable[Window]) -> list[float]:
    return [window.start_us / SECOND_US for window in windows]


def every_second(input: str, sensor: str, count: int) -> list[tuple[str, str, float]]:
    return [(input, sensor, k + 0.5) for k in range(count)]


@pytest.mark.parametrize("replay", ["live", "backlog"])
def test_at_the_end_every_window_is_closed(replay: Replay) -> None:
    timeline = Timeline(spec(rule("a", "m", "gone", idle_after_ms=30_000)), replay)
    play(timeline, *every_second("a", "m", 5))
    assert timeline.take_windows() == []
    timeline.finish()
    assert starts_s(timeline.take_windows()) == [0, 1, 2, 3, 4]


def test_an_empty_recording_has_no_windows() -> None:
    timeline = Timeline(spec(rule("a")))
    timeline.finish()
    assert timeline.take_windows() == []


def test_windows_come_out_while_the_recording_is_read() -> None:
    timeline = Timeline(spec(rule("a", "m")))
    play(timeline, *every_second("a", "m", 20))
    # The last sample closes the window before its own once its step is over.
    assert starts_s(timeline.take_windows()) == list(range(18))
    assert timeline.most_open <= 2


def test_a_backlog_waits_for_a_silent_sensor_to_the_end() -> None:
    timeline = Timeline(spec(rule("a", "m", "gone")), "backlog")
    play(timeline, *every_second("a", "m", 20))
    assert timeline.take_windows() == []


def test_live_a_silent_sensor_is_given_up_when_it_is_idle() -> None:
    timeline = Timeline(spec(rule("a", "m", "gone", idle_after_ms=2_000)), "live")
    play(timeline, *every_second("a", "m", 20))
    assert starts_s(timeline.take_windows())[:3] == [0, 1, 2]
    assert timeline.most_open <= 5


def test_a_backlog_does_not_wait_for_an_input_that_is_absent() -> None:
    timeline = Timeline(spec(rule("a", "m"), rule("b", "gone")), "backlog", absent={"b"})
    play(timeline, *every_second("a", "m", 20))
    assert starts_s(timeline.take_windows())[:3] == [0, 1, 2]


@pytest.mark.parametrize(("replay", "late"), [("live", ["window_closed"]), ("backlog", [])])
def test_a_sensor_that_comes_back_behind_the_others_is_late_only_live(
    replay: Replay, late: list[str]
) -> None:
    timeline = Timeline(spec(rule("a", "m"), rule("b", "n", idle_after_ms=1_000)), replay)
    play(timeline, *every_second("a", "m", 20))
    timeline.add("b", 0, 20 * SECOND_US, [Entry("s", "n", 0, SECOND_US, SECOND_US, b"x")])
    timeline.finish()
    assert [each.reason for each in timeline.take_late()] == late
    assert starts_s(timeline.take_windows()) == list(range(20))


def test_live_a_gap_in_which_all_are_silent_closes_what_is_open() -> None:
    timeline = Timeline(spec(rule("a", "m", idle_after_ms=1_000)), "live")
    play(timeline, ("a", "m", 0.5), ("a", "m", 100.5))
    assert starts_s(timeline.take_windows()) == [0]


def test_samples_without_room_are_counted() -> None:
    timeline = Timeline(spec(rule("a", "m", "gone"), max_open_windows=3))
    play(timeline, *every_second("a", "m", 5))
    timeline.finish()
    assert timeline.dropped == 2
    assert starts_s(timeline.take_windows()) == [0, 1, 2]


def test_early_results_are_no_windows_of_their_own() -> None:
    timeline = Timeline(spec(rule("a", "m", "slow"), early_after_us=100_000))
    play(timeline, *every_second("a", "m", 5))
    timeline.finish()
    windows = timeline.take_windows()
    assert starts_s(windows) == [0, 1, 2, 3, 4]
    assert all(window.final for window in windows)


def test_sessions_that_are_over_are_forgotten_and_may_come_back() -> None:
    timeline = Timeline(spec(rule("a", "m"), session_timeout_ms=5_000), "live")
    play(timeline, ("a", "m", 0.5), ("a", "m", 60.5))
    timeline.finish()
    assert starts_s(timeline.take_windows()) == [0, 60]
