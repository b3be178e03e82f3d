"""What a command line names becomes sensors, sessions and times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from schemas.content_type import PcmFormat
from schemas.pipeline import Pipeline
from schemas.units import iso_to_us
from streams.errors import FeedError
from streams.feed.item import FeedItem
from streams.feed.plan import FeedPlan, plan_feed, session_names
from streams.feed.sources import Source, parse_source
from streams.feed.track import ReadOptions

Write = Callable[[str, str | bytes], Path]
NOW_US = 1_769_846_400_000_000


@pytest.fixture
def call(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline(
        "call",
        audio={"modality": "audio", "sensors": ["mic.agent", "mic.customer"]},
        transcript={"modality": "text"},
        frames={"modality": "video", "sensors": ["camera.desk"]},
    )


def plan(pipeline: Pipeline, *sources: object, **options: object) -> FeedPlan:
    named = [str(source) for source in sources]
    return plan_feed(named, pipeline, **{"now_us": NOW_US, **options})  # type: ignore[arg-type]


def sensors(made: FeedPlan) -> list[tuple[str, str]]:
    return [(placed.input, placed.sensor) for placed in made.placements]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("a/b.wav", Source(Path("a/b.wav"))),
        ("audio=a.wav", Source(Path("a.wav"), "audio")),
        ("audio/mic.customer=a.wav", Source(Path("a.wav"), "audio", ("mic.customer",))),
        ("audio/m.1,m.2=a.wav", Source(Path("a.wav"), "audio", ("m.1", "m.2"))),
        ("camera=../x=y/z", Source(Path("../x=y/z"), "camera")),
        ("../x=y/z", Source(Path("../x=y/z"))),
        ("Audio=a.wav", Source(Path("Audio=a.wav"))),
    ],
)
def test_a_source_is_taken_apart(text: str, source: Source) -> None:
    assert parse_source(text) == source


def test_an_existing_path_with_an_equals_sign_is_a_path(write: Write) -> None:
    path = write("audio=1.wav", b"")
    assert parse_source(str(path)) == Source(path)


def test_an_empty_source_is_refused() -> None:
    with pytest.raises(FeedError, match="expected a source"):
        parse_source(" ")


def test_a_bare_path_goes_to_the_one_input_of_its_modality(
    call: Pipeline, write: Write, film: Callable[..., Path]
) -> None:
    made = plan(call, write("t.txt", "a note"), film())
    assert sensors(made) == [("transcript", "transcript"), ("frames", "camera.desk")]


def test_a_still_goes_to_a_video_input_where_no_input_takes_images(
    call: Pipeline, write: Write, jpeg: bytes
) -> None:
    assert sensors(plan(call, write("x.jpg", jpeg))) == [("frames", "camera.desk")]


def test_the_channels_of_a_file_are_the_declared_sensors_in_order(
    call: Pipeline, tone: Callable[..., Path]
) -> None:
    made = plan(call, tone(channels=2))
    assert sensors(made) == [("audio", "mic.agent"), ("audio", "mic.customer")]


def test_the_channels_of_a_file_may_be_named(call: Pipeline, tone: Callable[..., Path]) -> None:
    made = plan(call, f"audio/left,right={tone(channels=2)}")
    assert sensors(made) == [("audio", "left"), ("audio", "right")]


def test_a_channel_may_be_left_out(call: Pipeline, tone: Callable[..., Path]) -> None:
    path = tone(channels=2)
    made = plan(call, f"audio/-,mic.customer={path}")
    right = soundfile.read(str(path), dtype="int16")[0][:, 1]
    assert sensors(made) == [("audio", "mic.customer")]
    assert b"".join(item.payload for item in made.items()) == right.astype("<i2").tobytes()


@pytest.mark.parametrize("name", ["call.wav", "call.flac"])
def test_two_sensors_of_a_stereo_file_have_its_samples_at_the_same_times(
    name: str, call: Pipeline, tone: Callable[..., Path]
) -> None:
    path = tone(name, channels=2, seconds=1.2345)
    items = list(plan(call, f"audio/mic.customer,mic.agent={path}").items())
    left, right = (
        [item for item in items if item.sensor == sensor]
        for sensor in ("mic.customer", "mic.agent")
    )
    both = [np.frombuffer(b"".join(item.payload for item in one), "<i2") for one in (left, right)]
    assert (np.stack(both, axis=1) == soundfile.read(str(path), dtype="int16")[0]).all()
    assert [(i.start_us, i.end_us) for i in left] == [(i.start_us, i.end_us) for i in right]
    assert {item.content_type for item in items} == {str(PcmFormat(16_000, 1, "s16le"))}


def test_one_name_for_several_channels_is_numbered(
    call: Pipeline, tone: Callable[..., Path]
) -> None:
    made = plan(call, f"audio/mic={tone(channels=2)}")
    assert sensors(made) == [("audio", "mic.1"), ("audio", "mic.2")]


def test_a_bare_path_with_two_inputs_to_choose_from_lists_them(
    make_pipeline: Callable[..., Pipeline], write: Write
) -> None:
    pipeline = make_pipeline(notes={"modality": "text"}, letters={"modality": "text"})
    with pytest.raises(FeedError, match=r"notes, letters all take text; write notes=n\.txt"):
        plan(pipeline, write("n.txt", "hello"))


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("{wav}", r"expected a sensor of input 'audio' \(mic\.agent, mic\.customer\)"),
        ("phone={wav}", "expected an input of pipeline 'call' .*, got 'phone'"),
        ("frames={wav}", "expected video for input 'frames', got audio"),
        ("audio/a,b={wav}", "expected 1 sensors, one a channel, got 2"),
        ("audio/-={wav}", "expected a sensor for one channel at least, got '-' alone"),
        ("audio/-,-={wav}", "expected a sensor for one channel at least"),
        ("audio/camera.desk={wav}", "which belongs to 'frames'"),
        ("{csv}", "expected an input for series in pipeline 'call'"),
    ],
)
def test_a_source_that_does_not_fit_says_what_would(
    source: str, complaint: str, call: Pipeline, tone: Callable[..., Path], write: Write
) -> None:
    text = source.format(wav=tone(), csv=write("v.csv", "time_s,hr\n0,80\n"))
    with pytest.raises(FeedError, match=complaint):
        plan(call, text)


def test_two_sources_for_one_sensor_are_refused(call: Pipeline, write: Write) -> None:
    with pytest.raises(FeedError, match="expected one source a sensor"):
        plan(call, write("a.txt", "one"), write("b.txt", "two"))


def test_no_source_is_refused(call: Pipeline) -> None:
    with pytest.raises(FeedError, match="at least one source"):
        plan(call)


def test_items_of_all_sources_are_merged_by_when_they_are_due(
    call: Pipeline, write: Write, tone: Callable[..., Path], film: Callable[..., Path]
) -> None:
    text = write("t.jsonl", '{"start": 0.1, "end": 0.65, "text": "hello"}')
    made = plan(call, film(frames=10), tone(channels=2, seconds=1.0), text)

    items = list(made.items())

    assert all(before.due_us <= after.due_us for before, after in pairwise(items))
    assert Counter(item.sensor for item in items) == {
        "camera.desk": 10,
        "mic.agent": 5,
        "mic.customer": 5,
        "transcript": 1,
    }
    assert made.count == 21
    said = next(item for item in items if item.input == "transcript")
    assert (said.start_us, said.due_us) == (NOW_US + 100_000, NOW_US + 650_000)


def test_sequences_count_each_sensors_samples(call: Pipeline, tone: Callable[..., Path]) -> None:
    items = list(plan(call, tone(channels=2)).items())
    for sensor in ("mic.agent", "mic.customer"):
        assert [i.sequence for i in items if i.sensor == sensor] == [0, 1, 2, 3, 4]


def test_the_items_are_the_same_at_each_call(call: Pipeline, film: Callable[..., Path]) -> None:
    made = plan(call, film())
    assert list(made.items()) == list(made.items())


def test_now_puts_the_earliest_event_time_at_the_present(call: Pipeline, write: Write) -> None:
    made = plan(call, write("t.csv", "start,end,text\n7,8,b\n5,9,a\n"))
    assert min(item.start_us for item in made.items()) == NOW_US == made.first_us


def test_files_of_one_session_keep_their_distance(
    call: Pipeline, write: Write, tone: Callable[..., Path]
) -> None:
    made = plan(call, tone(channels=2), write("t.csv", "start,end,text\n0.25,0.5,hi\n"))
    first = {item.input: item.start_us for item in reversed(list(made.items()))}
    assert first["transcript"] - first["audio"] == 250_000


VITALS = "time,hr\n2020-01-01T00:00:00Z,80\n2020-01-01T00:01:00Z,81\n"


@pytest.fixture
def ward(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline(vitals={"modality": "series"}, notes={"modality": "text"})


def test_recorded_keeps_the_absolute_times_of_a_file(ward: Pipeline, write: Write) -> None:
    made = plan(ward, write("v.csv", VITALS), start="recorded")
    assert [i.start_us for i in made.items()] == [
        iso_to_us("2020-01-01T00:00:00Z"),
        iso_to_us("2020-01-01T00:01:00Z"),
    ]


def test_recorded_refuses_a_file_without_absolute_times(ward: Pipeline, write: Write) -> None:
    with pytest.raises(FeedError, match=r"note\.txt: expected absolute times"):
        plan(ward, write("v.csv", VITALS), write("note.txt", "x"), start="recorded")


def test_relative_files_start_with_the_absolute_ones(ward: Pipeline, write: Write) -> None:
    made = plan(
        ward, write("v.csv", VITALS), write("note.txt", "x"), options=ReadOptions(at_s=30.0)
    )
    assert [(i.input, i.start_us - NOW_US) for i in made.items()] == [
        ("vitals", 0),
        ("notes", 30_000_000),
        ("vitals", 60_000_000),
    ]


def test_a_start_time_is_where_the_recording_begins(ward: Pipeline, write: Write) -> None:
    made = plan(ward, write("v.csv", VITALS), start="2026-02-01T10:00:00+01:00")
    assert next(made.items()).start_us == iso_to_us("2026-02-01T09:00:00Z")


@pytest.mark.parametrize("start", ["soon", "2026-02-01T10:00:00", "1850-01-01T00:00:00Z"])
def test_a_start_that_is_no_usable_time_is_refused(
    start: str, ward: Pipeline, write: Write
) -> None:
    with pytest.raises(FeedError, match="start: expected"):
        plan(ward, write("v.csv", VITALS), start=start)


def test_a_start_after_2255_is_told_the_years_that_there_are(ward: Pipeline, write: Write) -> None:
    with pytest.raises(FeedError, match="expected a time from 1970 to 2255"):
        plan(ward, write("v.csv", VITALS), start="2300-01-01T00:00:00Z")


def of_session(items: list[FeedItem], session: str) -> list[FeedItem]:
    return [replace(item, session="") for item in items if item.session == session]


def test_sessions_at_once_play_the_same_at_the_same_time(ward: Pipeline, write: Write) -> None:
    made = plan(ward, write("v.csv", VITALS), session="bed", sessions=3)
    items = list(made.items())
    assert made.sessions == ("bed-0001", "bed-0002", "bed-0003")
    assert len(items) == 6 == made.count
    assert of_session(items, "bed-0001") == of_session(items, "bed-0003")


def test_sessions_apart_play_the_same_later(ward: Pipeline, write: Write) -> None:
    made = plan(ward, write("v.csv", VITALS), session="bed", sessions=2, apart_us=1_000_000)
    items = list(made.items())
    assert [(i.session, (i.start_us - NOW_US) // 1_000_000) for i in items] == [
        ("bed-0001", 0),
        ("bed-0002", 1),
        ("bed-0001", 60),
        ("bed-0002", 61),
    ]


@pytest.mark.parametrize(("name", "count"), [("", 1), ("a\n", 1), ("x" * 121, 1), ("a", 0)])
def test_session_names_that_no_key_can_hold_are_refused(name: str, count: int) -> None:
    with pytest.raises(FeedError, match="session"):
        session_names(name, count)


def test_a_row_that_goes_back_in_time_comes_when_its_file_has_it(
    ward: Pipeline, write: Write
) -> None:
    made = plan(ward, write("v.csv", "time_s,hr\n0,1\n10,2\n5,3\n"))
    assert [(i.start_us - NOW_US, i.due_us - NOW_US) for i in made.items()] == [
        (0, 0),
        (10_000_000, 10_000_000),
        (5_000_000, 10_000_000),
    ]


def test_a_file_that_vanishes_before_it_is_read_is_named(
    call: Pipeline, write: Write, jpeg: bytes
) -> None:
    path = write("x.jpg", jpeg)
    made = plan(call, path)
    path.unlink()
    with pytest.raises(FeedError, match=r"x\.jpg: expected a readable file"):
        list(made.items())


def test_the_kitti_drive_plays_camera_and_lidar_together(
    make_pipeline: Callable[..., Pipeline], shared_data: Path
) -> None:
    pipeline = make_pipeline(
        camera={"modality": "video", "sensors": ["camera.front"]}, lidar={"modality": "points"}
    )
    made = plan(pipeline, shared_data / "vehicle/kitti_raw_2011_09_26_drive_0052")

    items = list(made.items())

    assert Counter((i.input, i.sensor) for i in items) == {
        ("camera", "camera.front"): 78,
        ("lidar", "lidar"): 78,
    }
    assert [i.start_us for i in items] == [NOW_US + 100_000 * (n // 2) for n in range(156)]
