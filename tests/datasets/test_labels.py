"""Labels from a file or a topic, joined to windows by the stated rule, and the report."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.records import Record
from workers.datasets.base import Label
from workers.datasets.cleaning import Bookkeeper
from workers.datasets.joining import Joiner, Rule, Span
from workers.datasets.label_file import read_labels, write_labels
from workers.datasets.label_topic import decode_label
from workers.errors import DataSetError

WINDOW = Span("s", 100, 200)


def label(start: int, end: int, name: str, session: str = "s", task: str = "mood") -> Label:
    return Label(session, start, end, task, name)


def chosen(*labels: Label, rule: Rule = "most", min_cover: float = 0.0) -> str | None:
    given = Joiner(labels, rule, min_cover).give(WINDOW)
    return given["mood"].label if given else None


def test_the_label_that_covers_most_is_given() -> None:
    assert chosen(label(0, 140, "good"), label(140, 300, "bad")) == "bad"


def test_of_two_that_cover_as_much_the_earlier_is_given() -> None:
    assert chosen(label(150, 300, "a"), label(0, 150, "z")) == "z"


def test_a_label_of_less_than_half_a_window_is_none_unless_asked_for() -> None:
    assert not Joiner([label(100, 149, "good")]).give(WINDOW)
    assert Joiner([label(100, 150, "good")]).give(WINDOW)


def test_parts_of_one_label_add_up() -> None:
    assert chosen(label(100, 130, "a"), label(130, 170, "b"), label(170, 200, "a")) == "a"


def test_a_label_that_only_touches_the_window_is_none() -> None:
    assert chosen(label(0, 100, "before"), label(200, 300, "after")) is None


def test_by_its_end_the_label_that_holds_there_is_given() -> None:
    assert chosen(label(0, 190, "long"), label(190, 201, "last"), rule="end") == "last"


def test_by_its_end_nothing_is_given_where_nothing_holds_there() -> None:
    assert chosen(label(0, 199, "long"), rule="end") is None


def test_a_label_that_covers_too_little_is_none() -> None:
    assert chosen(label(0, 140, "good"), min_cover=0.5) is None
    assert chosen(label(0, 150, "good"), min_cover=0.5) == "good"


def test_another_session_and_another_task_do_not_matter() -> None:
    others = [label(0, 300, "x", session="t"), label(0, 300, "x", task="intent")]
    given = Joiner([label(100, 160, "good"), *others]).give(WINDOW)
    assert {task: one.label for task, one in given.items()} == {"mood": "good", "intent": "x"}


def test_a_long_label_is_found_behind_many_short_ones() -> None:
    short = [label(k, k + 1, f"n{k}") for k in range(1, 90)]
    assert chosen(label(0, 200, "long"), *short) == "long"


intervals = st.lists(
    st.builds(
        lambda start, length, name: label(start, start + length, name),
        st.integers(0, 300),
        st.integers(1, 200),
        st.sampled_from("abc"),
    ),
    min_size=1,
    max_size=12,
)


@given(intervals)
def test_the_rule_is_what_counting_every_instant_gives(labels: list[Label]) -> None:
    instants = {
        name: sum(
            any(one.start_us <= at < one.end_us for one in labels if one.label == name)
            for at in range(100, 200)
        )
        for name in "abc"
    }
    name = chosen(*labels)
    assert instants[name or "a"] == max(instants.values())
    assert (name is None) == (max(instants.values()) == 0)


def test_the_report_tells_what_became_of_labels_and_windows() -> None:
    books = Bookkeeper(
        [
            label(0, 150, "good"),
            label(0, 150, "good"),
            label(120, 220, "bad"),
            label(900, 950, "late"),
            label(0, 9, "x", session="gone"),
        ],
        min_cover=0.0,
    )
    for start in (0, 100, 200, 300):
        books.give(Span("s", start, start + 100))
    report = books.report()
    (task,) = report.tasks
    assert (report.windows, report.labels, report.unused) == (4, 4, 2)
    assert (task.unlabelled, task.mixed, task.barely) == (1, 1, 1)
    assert {one.label: one.count for one in task.summary.labels} == {
        "good": 1,
        "bad": 2,
        "late": 0,
        "x": 0,
    }
    assert [(one.first, one.second, one.start_us, one.end_us) for one in report.shown] == [
        ("good", "bad", 120, 150)
    ]
    assert report.unknown_sessions == ("gone",)
    assert [(one.what, one.number) for one in report.cleaned] == [("dropped", 1)]


CSV = "session,start,end,task,label\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("l.csv", CSV + "c,2026-03-01T12:00:00Z,2026-03-01T12:00:01.5Z,mood,good\n"),
        ("l.csv", CSV + "c,1772366400000000,1772366401500000,mood,good\n"),
        (
            "l.jsonl",
            '{"session": "c", "start": 1772366400000000, "end": "2026-03-01T12:00:01.500",'
            ' "task": "mood", "label": "good", "by": "anna"}\n\n',
        ),
    ],
)
def test_times_are_iso_or_microseconds(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    start_us = 1_772_366_400_000_000
    assert read_labels(tmp_path / name) == (label(start_us, start_us + 1_500_000, "good", "c"),)


def test_labels_are_written_as_they_are_read(tmp_path: Path) -> None:
    labels = (label(1_000_001, 2_000_000, "good, or not"), label(3_000_000, 4_000_000, "bad"))
    write_labels(tmp_path / "l.csv", labels)
    assert read_labels(tmp_path / "l.csv") == labels


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("l.csv", "c,1,2,mood,", "l.csv:2: expected label as text"),
        ("l.csv", "c,2,2,mood,x", "l.csv:2: expected an end after the start"),
        ("l.csv", "c,soon,2,mood,x", "l.csv:2: expected a time as ISO 8601 text or whole micro"),
        ("l.jsonl", "[1]", "l.jsonl:1: expected a JSON object"),
        ("l.jsonl", '{"session": "c", "start": 1.5, "end": 2}', "l.jsonl:1: expected task as text"),
    ],
)
def test_a_line_that_is_no_label_is_named(tmp_path: Path, name: str, line: str, said: str) -> None:
    (tmp_path / name).write_text((CSV if name.endswith("csv") else "") + line + "\n")
    with pytest.raises(DataSetError, match=said):
        read_labels(tmp_path / name)


def record(key: bytes | None, value: bytes | None) -> Record:
    return Record("labels", 0, 0, 0, key, value)


def test_a_record_of_a_label_topic_is_keyed_by_its_session() -> None:
    body = b'{"task": "mood", "label": "good", "start": 1, "end": 2, "session": "other"}'
    assert decode_label(record(b"s", body)) == label(1, 2, "good")


@pytest.mark.parametrize("value", [None, b"", b"[]", b"\xff", b'{"task": "mood"}'])
def test_a_record_that_is_no_label_says_what_was_expected(value: bytes | None) -> None:
    with pytest.raises(ValueError, match=r"^expected "):
        decode_label(record(b"s", value))


def test_a_label_that_overlaps_several_others_is_reported_with_each() -> None:
    book = Bookkeeper([label(0, 100, "a"), label(10, 20, "b"), label(30, 40, "b")])
    assert [(one.start_us, one.end_us) for one in book.report().shown] == [(10, 20), (30, 40)]


def test_a_label_between_two_windows_is_unused() -> None:
    book = Bookkeeper([label(0, 10, "a"), label(50, 60, "b")])
    for start, end in ((0, 10), (90, 100)):
        book.give(Span("s", start, end))
    assert book.report().unused == 1
