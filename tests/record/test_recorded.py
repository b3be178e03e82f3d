"""A recording as something to play: records as they were, times moved together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.envelope import session_end_headers
from schemas.pipeline import Pipeline
from schemas.units import us_to_iso
from streams.errors import FeedError
from streams.feed.recorded import recorded_playable
from streams.feed.wire import record_headers, record_key, record_timestamp_ms
from streams.records import Record
from tests.record.conftest import T0_US, note


def test_a_sample_is_sent_as_it_was_recorded(
    ward: Pipeline, make_recording: Callable[..., Path]
) -> None:
    record = note(ward, 3, 1.25)
    path = make_recording(ward, [record])
    played, notes = recorded_playable([path], ward, start="recorded", now_us=0)
    (item,) = played.items()
    assert (item.session, item.sensor, item.input) == ("bed-1", "pen", "notes")
    assert record_key(item) == record.key
    assert record_headers(item, ward) == record.headers
    assert record_timestamp_ms(item) == record.timestamp_ms
    assert item.payload == record.value
    assert notes == ()


def test_times_move_together_and_by_whole_windows(
    ward: Pipeline, make_recording: Callable[..., Path]
) -> None:
    path = make_recording(ward, [note(ward, 0, 0.25), note(ward, 1, 3.5)])
    now_us = T0_US + 86_400_123_456
    played, _ = recorded_playable([path], ward, start="now", now_us=now_us)
    first, second = played.items()
    assert first.start_us == T0_US + 86_400_000_000 - 1_000_000 + 250_000
    assert second.start_us - first.start_us == 3_250_000
    assert dict(record_headers(first, ward))["ce_time"] == us_to_iso(first.start_us).encode()
    assert record_timestamp_ms(first) == first.start_us // 1000


def test_a_record_that_is_no_sample_is_played_as_it_is(
    ward: Pipeline, make_recording: Callable[..., Path]
) -> None:
    bad = Record(ward.topic("notes"), 0, 0, T0_US // 1000, None, b"words", [("ce_type", b"other")])
    path = make_recording(ward, [bad])
    (item,) = recorded_playable([path], ward, start="recorded", now_us=0)[0].items()
    assert record_key(item) is None
    assert record_headers(item, ward) == bad.headers
    assert item.payload == b"words"


def test_marks_of_an_end_are_left_out(ward: Pipeline, make_recording: Callable[..., Path]) -> None:
    end = Record(
        ward.topic("notes"), 0, 1, T0_US // 1000, b"bed-1", b"", session_end_headers("bed-1", "x")
    )
    path = make_recording(ward, [note(ward, 0, 0.0), end])
    items = list(recorded_playable([path], ward, start="recorded", now_us=0)[0].items())
    assert [item.payload for item in items] == [b"stable"]


def test_results_of_a_recording_are_not_played(
    ward: Pipeline, make_recording: Callable[..., Path]
) -> None:
    result = Record(ward.results_topic, 0, 0, T0_US // 1000, b"bed-1", b"{}")
    path = make_recording(ward, [note(ward, 0, 0.0), result])
    played = recorded_playable([path], ward, start="recorded", now_us=0)[0]
    assert {item.input for item in played.items()} == {"notes"}


def test_another_pipeline_with_that_input_may_be_played_into(
    ward: Pipeline, make_recording: Callable[..., Path]
) -> None:
    path = make_recording(ward, [note(ward, 0, 0.0)])
    other = ward.model_copy(update={"pipeline": "other"})
    (item,) = recorded_playable([path], other, start="recorded", now_us=0)[0].items()
    assert item.input == "notes"


def test_a_pipeline_without_those_inputs_is_told_which_there_are(
    ward: Pipeline, make_recording: Callable[..., Path], make_pipeline: Callable[..., Pipeline]
) -> None:
    path = make_recording(ward, [note(ward, 0, 0.0)])
    other = make_pipeline(audio={"modality": "audio"})
    with pytest.raises(FeedError, match=r"expected inputs of pipeline 'ward' \(audio\), got notes"):
        recorded_playable([path], other, start="recorded", now_us=0)
