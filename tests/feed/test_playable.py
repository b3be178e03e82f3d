"""Recorded times that are moved: by whole windows, all together."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from schemas.pipeline import Pipeline
from schemas.units import iso_to_us
from streams.errors import FeedError
from streams.feed.item import FeedItem
from streams.feed.playable import shift_to, shifted

FIRST_US = iso_to_us("2000-01-01T00:00:00.25Z")
NOW_US = iso_to_us("2026-03-01T12:00:00.7Z")


@pytest.fixture
def ward(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline(notes={"modality": "text"})


def test_recorded_times_stay(ward: Pipeline) -> None:
    assert shift_to("recorded", FIRST_US, NOW_US, ward) == 0


@pytest.mark.parametrize("start", ["now", "2026-03-01T12:00:00.7Z"])
def test_a_start_is_met_to_less_than_a_window_and_not_passed(ward: Pipeline, start: str) -> None:
    shift_us = shift_to(start, FIRST_US, NOW_US, ward)
    assert shift_us % 1_000_000 == 0
    assert 0 <= NOW_US - (FIRST_US + shift_us) < 1_000_000


def test_a_start_that_is_no_time_is_one_line(ward: Pipeline) -> None:
    with pytest.raises(FeedError, match=r"start: expected 'now', 'recorded' or an RFC 3339 time"):
        shift_to("soon", FIRST_US, NOW_US, ward)


def test_samples_keep_their_distances() -> None:
    item = FeedItem("s", "notes", "pen", 5, 8, "text/plain", b"x", 0, 9)
    (moved,) = shifted([item], 100)
    assert (moved.start_us, moved.end_us, moved.due_us) == (105, 108, 109)
