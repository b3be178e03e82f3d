"""One sentence for each thing out of the ordinary, and none for what is ordinary."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas.result import SensorUse
from tests.workers.explained import SIZE_US, START_US, pipeline, published, result, use
from workers.explain.compose import Gathered, compose
from workers.explain.findings import findings
from workers.explain.model import Closing, Explanation, SampleMark, SensorFacts

NOTHING = "Every sensor is there and nothing is out of the ordinary."
CLOSED = Closing(True, START_US + SIZE_US, ())


def said(
    sensor: SensorUse | None = None,
    *marks: SampleMark,
    matcher: str = "collect",
    **changes: Any,
) -> list[str]:
    """The sentences of a window that has one sensor."""
    whole = compose(pipeline(), Gathered(0, [published(result())], None, None, [], []))
    facts = SensorFacts("cam", sensor or use("camera", [(0, 3)]), matcher)
    one: Explanation = msgspec.structs.replace(
        whole, sensors=(facts,), samples=marks, closing=CLOSED
    )
    return findings(msgspec.structs.replace(one, **changes))


def late(by_ms: float, at_ms: int = 500) -> SampleMark:
    at_us = START_US + at_ms * 1_000
    return SampleMark(
        "cam", "camera", "late", at_us, at_us, 1, 0, 10, reason="behind_sensor", late_by_ms=by_ms
    )


def invalid(reason: str, time_known: bool = True) -> SampleMark:
    return SampleMark(
        "cam", "camera", "invalid", START_US, START_US, 1, 0, 10, time_known, reason=reason
    )


def test_an_ordinary_window_says_so() -> None:
    assert said() == [NOTHING]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("never_seen", "cam is absent: it was never seen before the window ended."),
        ("idle", "cam is absent: it was silent and not waited for."),
        ("dropped", "cam is absent: its samples in the window were dropped, for want of room."),
        ("late", "cam is absent: its samples came when the window was closed."),
        ("invalid", "cam is absent: none of its samples in the window could be read."),
    ],
)
def test_an_absent_sensor_and_why(reason: str, words: str) -> None:
    assert said(use("camera", [], absent=reason)) == [words]


def test_late_samples_are_counted_with_how_late_they_were() -> None:
    assert said(None, late(480.0), late(120.0), late(130.0)) == [
        "3 samples of cam came late, by 120 to 480 ms: newer samples of the same sensor had "
        "closed the window."
    ]


def test_a_late_sample_of_a_neighbouring_window_is_no_finding() -> None:
    assert said(None, late(480.0, at_ms=-100)) == [NOTHING]


def test_dead_letters_are_counted_by_reason() -> None:
    counted = use("camera", [(0, 3)], invalid=3)
    assert said(counted, invalid("bad_jpeg"), invalid("bad_jpeg"), invalid("empty_value")) == [
        "3 samples of cam are dead letters: bad_jpeg (2), empty_value (1)."
    ]


def test_a_dead_letter_without_a_time_says_where_it_is_drawn() -> None:
    (sentence,) = said(use("camera", [(0, 3)], invalid=1), invalid("bad_time", time_known=False))
    assert "1 drawn at the Kafka timestamp, for want of a time" in sentence


def test_invalid_samples_that_are_no_dead_letters_are_told_of() -> None:
    assert said(use("camera", [(0, 3)], invalid=2)) == [
        "2 invalid samples of cam were counted and not found among the dead letters."
    ]


@pytest.mark.parametrize(
    ("skew_ms", "matcher", "words"),
    [
        (
            -34.0,
            "nearest",
            "cam is skewed by -34 ms: its sample is 34 ms before the reference time.",
        ),
        (
            300.0,
            "collect",
            "cam is skewed by 300 ms: the mean of its samples is 300 ms after the window's middle.",
        ),
        (0.4, "nearest", NOTHING),
        (-16.0, "collect", NOTHING),
        (-61_000.0, "hold", NOTHING),
    ],
)
def test_a_skew_that_matters_to_the_matcher(skew_ms: float, matcher: str, words: str) -> None:
    assert said(use("camera", [(0, 3)], skew_ms=skew_ms), matcher=matcher) == [words]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dropped": 5}, "5 samples of cam were dropped, for want of room."),
        ({"coverage": 0.62}, "cam covers 62% of the window."),
        ({"age_ms": 950.0}, "cam is held from 950 ms before the window's end."),
        ({"gaps": 1}, "1 sequence number of cam is missing."),
        ({"repeats": 3}, "3 sequence numbers of cam came again."),
    ],
)
def test_what_one_sensor_gave(changes: dict[str, Any], words: str) -> None:
    assert said(use("camera", [(0, 3)], **changes)) == [words]


def test_a_flush_is_told_of() -> None:
    assert said(closing=Closing(True, None, ("cam",)))[0] == (
        "Every sensor was idle, or its session had ended: the window was flushed, not closed by "
        "a watermark."
    )


def test_an_older_workers_missing_watermark_is_not_taken_for_a_flush() -> None:
    assert said(closing=Closing(False, None, ())) == [NOTHING]


def test_a_sensor_that_was_not_waited_for_is_named_though_it_gave_samples() -> None:
    assert said(closing=Closing(True, START_US + SIZE_US, ("cam",))) == [
        "cam was idle when the window closed, and not waited for."
    ]


def test_a_window_that_is_not_final_says_so() -> None:
    early = compose(pipeline(), Gathered(0, [published(result(final=False))], None, None, [], []))
    assert early.findings[0] == "Revision 0 is not final: another will follow."


def test_what_was_not_looked_at_comes_last() -> None:
    assert said(use("camera", [(0, 3)], gaps=1), limits=("Only 3 were read.",))[-1] == (
        "Only 3 were read."
    )
