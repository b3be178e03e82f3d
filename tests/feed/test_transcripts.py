"""Transcripts of every format become segments, and a bad line is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.errors import FeedError
from streams.feed.subtitles import parse_cues
from streams.feed.track import Reading
from streams.feed.transcripts import read_segments, transcript_tracks

Write = Callable[[str, str | bytes], Path]


def readings(path: Path) -> list[Reading]:
    (track,) = transcript_tracks(path)
    found = list(track.read())
    assert track.count == len(found)
    return found


def spans(path: Path) -> list[tuple[int, int, str]]:
    return [(s.start_us, s.end_us, s.text) for s in read_segments(path)]


def test_jsonl_with_text_alone_is_plain_text(write: Write) -> None:
    path = write("t.jsonl", '{"start": 0.5, "end": 1.25, "text": "Grüß Gott"}\n')
    assert readings(path) == [
        Reading(500_000, 1_250_000, "text/plain;charset=utf-8", "Grüß Gott".encode())
    ]


def test_words_are_timed_from_their_segments_start(write: Write) -> None:
    row = {
        "start": 10.0,
        "end": 11.0,
        "text": "cancel it",
        "speaker": "customer",
        "words": [
            {"word": "cancel", "start": 10.1, "end": 10.5},
            {"word": "it", "start": 10.6, "end": 10.9},
        ],
    }
    (reading,) = readings(write("t.jsonl", json.dumps(row)))
    assert reading.content_type == "application/json"
    assert json.loads(reading.payload) == {
        "text": "cancel it",
        "speaker": "customer",
        "words": [
            {"word": "cancel", "start_ms": 100, "end_ms": 500},
            {"word": "it", "start_ms": 600, "end_ms": 900},
        ],
    }


def test_segments_come_in_the_order_in_which_they_end(write: Write) -> None:
    lines = [
        {"start": 5, "end": 9, "text": "agent, late"},
        {"start": 0, "end": 2, "text": "customer, early"},
        {"start": 1, "end": 6, "text": "customer, long"},
    ]
    path = write("t.jsonl", "\n".join(map(json.dumps, lines)))
    assert [text for _, _, text in spans(path)] == [
        "customer, early",
        "customer, long",
        "agent, late",
    ]


def test_the_first_time_is_the_earliest_start_whatever_the_order(write: Write) -> None:
    path = write("t.csv", "start,end,text\n3,4,b\n1,9,a\n")
    assert transcript_tracks(path)[0].first_us == 1_000_000


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("not json", "expected a JSON object"),
        ("[1]", "expected a JSON object"),
        ('{"start": 1, "end": 2}', "expected a field with the text"),
        ('{"start": 1, "end": 2, "text": 5}', "'text' to be text"),
        ('{"start": "x", "end": 2, "text": "a"}', "expected a number"),
        ('{"start": 3, "end": 2, "text": "a"}', "ends after it starts"),
        ('{"start": -1, "end": 2, "text": "a"}', "from 0 on"),
        ('{"start": 1, "end": 2, "text": "a", "words": [{"word": "a"}]}', "expected words"),
        ('{"start": 1e400, "end": 2, "text": "a"}', "finite"),
    ],
)
def test_a_bad_line_of_jsonl_is_named(line: str, complaint: str, write: Write) -> None:
    path = write("bad.jsonl", '{"start": 0, "end": 1, "text": "fine"}\n\n' + line + "\n")
    with pytest.raises(FeedError, match=rf"bad\.jsonl:3: .*{complaint}"):
        read_segments(path)


def test_csv_columns_may_tell_their_unit(write: Write) -> None:
    path = write("t.csv", 'start_ms,end_ms,text\n1500,2000,"hello, there"\n')
    assert spans(path) == [(1_500_000, 2_000_000, "hello, there")]


def test_csv_times_may_be_clock_times(write: Write) -> None:
    path = write("t.csv", "start_time,end_time,speaker,text\n0:01:02.5,0:01:04,anna,hi\n")
    (segment,) = read_segments(path)
    assert (segment.start_us, segment.end_us, segment.speaker) == (62_500_000, 64_000_000, "anna")


def test_absolute_times_make_an_epoch_track(write: Write) -> None:
    path = write(
        "t.csv", "start,end,text\n2026-01-31T08:00:00Z,2026-01-31T08:00:01.5Z,good morning\n"
    )
    (track,) = transcript_tracks(path)
    assert (track.clock, track.first_us) == ("epoch", 1_769_846_400_000_000)


def test_a_transcript_without_text_is_refused(write: Write) -> None:
    with pytest.raises(FeedError, match="expected segments with text"):
        transcript_tracks(write("empty.srt", ""))


def test_text_in_another_encoding_is_refused(write: Write) -> None:
    with pytest.raises(FeedError, match="save it as UTF-8"):
        transcript_tracks(write("latin.srt", "1\n00:00 --> 00:01\nGrüße".encode("latin-1")))


SRT = (
    "\ufeff1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>Hello</i>\r\n<b>there</b>\r\n\r\n"
    "2\r\n00:00:03.25 --> 00:00:04,000 X1:10 X2:20\r\n{\\an8}a < b &amp; c\r\n"
    "3\r\n01:00:00,000 --> 01:00:01,000\r\n42\r\n\r\n"
    "4\r\n01:00:02,000 --> 01:00:03,000\r\n\r\nafter an empty line\r\n\r\n"
    "5\r\n01:00:04,000 --> 01:00:05,000\r\n<font color='red'></font>\r\n"
)


def test_srt_oddities_are_read_as_players_read_them(write: Write) -> None:
    assert spans(write("odd.srt", SRT)) == [
        (1_000_000, 2_500_000, "Hello there"),
        (3_250_000, 4_000_000, "a < b & c"),
        (3_600_000_000, 3_601_000_000, "42"),
        (3_602_000_000, 3_603_000_000, "after an empty line"),
    ]


VTT = (
    "\ufeffWEBVTT - a title\nKind: captions\n\n"
    "STYLE\n::cue { color: red }\n\nNOTE\nnot --> a cue\n\n"
    "intro\n00:01.000 --> 00:02.000 align:start position:0%\n"
    "<v.loud Ann Lee>Hi, <00:01.500><c.x>you</c></v>\n\n"
    "00:00:03.000 --> 100:00:04.000\nlong &lt;day&gt;\n"
)


def test_vtt_oddities_are_read_as_browsers_read_them(write: Write) -> None:
    assert spans(write("odd.vtt", VTT)) == [
        (1_000_000, 2_000_000, "Hi, you"),
        (3_000_000, 360_004_000_000, "long <day>"),
    ]


def test_a_vtt_voice_is_the_speaker() -> None:
    assert parse_cues(VTT, vtt=True)[0].speaker == "Ann Lee"


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        ("a.vtt", "00:01.000 --> 00:02.000\nhi\n", 1),
        ("a.srt", "1\n00:00:01,000 -> 00:00:02,000 -->\nhi\n", 2),
        ("a.srt", "1\n00:00:03,000 --> 00:00:02,000\nhi\n", 2),
        ("a.vtt", "WEBVTT\n\nsoon --> later\nhi\n", 3),
    ],
)
def test_a_bad_cue_is_named_by_line(name: str, text: str, where: int, write: Write) -> None:
    with pytest.raises(FeedError, match=rf"{name}:{where}: expected"):
        read_segments(write(name, text))
