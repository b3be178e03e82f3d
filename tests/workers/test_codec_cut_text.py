"""Cutting transcripts: every word is in exactly one part, and what is written stays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.sample import Modality, Sample
from streams.compute import BadSample
from tests.workers.cut_helpers import START_US, interval, parts_of
from workers.codecs.cut import cut, interval_us

JSON = "application/json"
PLAIN = "text/plain;charset=utf-8"


def at(*ms: float) -> list[int]:
    return [START_US + round(each * 1_000) for each in ms]


def segment(
    text: str, words: Sequence[dict[str, Any]] = (), duration_ms: int = 0, **more: Any
) -> Sample:
    payload = json.dumps({"text": text, "words": list(words), **more}).encode()
    return interval(Modality.TEXT, JSON, payload, duration_ms * 1_000)


def plain(text: str, duration_ms: int = 0) -> Sample:
    return interval(Modality.TEXT, PLAIN, text.encode(), duration_ms * 1_000)


def timed(word: str, start_ms: float | None, end_ms: float | None = None) -> dict[str, Any]:
    return {"word": word, "start_ms": start_ms, "end_ms": end_ms}


def bodies(sample: Sample, bounds_us: Sequence[int]) -> list[dict[str, Any]]:
    return [json.loads(part.payload) for part in parts_of(sample, bounds_us)]


def texts(sample: Sample, bounds_us: Sequence[int]) -> list[str]:
    return [body["text"] for body in bodies(sample, bounds_us)]


I_WANT_OUT = [timed("I", 0, 80), timed("want", 100, 300), timed("out", 320, 500)]
tokens = st.text(st.sampled_from("abcä.,'’!"), min_size=1, max_size=6)
bounds = st.lists(st.integers(-1_000, 5_000_000), max_size=8).map(
    lambda after: sorted(START_US + us for us in after)
)


def test_a_word_is_in_the_part_that_holds_its_start() -> None:
    before, after = bodies(segment("I want out", I_WANT_OUT, 600), at(200))
    assert [word["word"] for word in before["words"]] == ["I", "want"]
    assert [word["word"] for word in after["words"]] == ["out"]


def test_a_word_that_starts_at_a_bound_is_in_the_part_after_it() -> None:
    assert texts(segment("I want out", I_WANT_OUT, 600), at(100)) == ["I", "want out"]


def test_words_keep_their_times() -> None:
    _, after = bodies(segment("I want out", I_WANT_OUT, 600), at(310))
    assert after["words"] == [timed("out", 320.0, 500.0)]


def test_every_part_says_who_speaks() -> None:
    cut_up = bodies(segment("I want out", I_WANT_OUT, 600, speaker="agent"), at(200))
    assert [body["speaker"] for body in cut_up] == ["agent", "agent"]


def test_what_is_written_around_words_stays_with_them() -> None:
    words = [timed("Well", 0), timed("I", 200), timed("said", 300), timed("no", 500)]
    cut_up = texts(segment('Well,  I said: "no"!', words, 700), at(200, 400))
    assert cut_up == ["Well,", "I said:", '"no"!']


def test_what_is_written_before_the_first_word_stays() -> None:
    cut_up = texts(segment("- uh, I want out", I_WANT_OUT, 600), at(200))
    assert cut_up == ["- uh, I want", "out"]


def test_a_text_without_spaces_is_cut_at_its_words() -> None:
    words = [timed("解約", 0), timed("したい", 400)]
    assert texts(segment("解約したい。", words, 800), at(300)) == ["解約", "したい。"]


def test_words_that_the_text_does_not_have_are_joined() -> None:
    words = [timed(" twenty", 0), timed(" two", 300), timed(" euros", 600)]
    assert texts(segment("22 EUR", words, 900), at(500)) == ["twenty two", "euros"]


def test_words_out_of_order_in_time_are_each_in_the_part_of_their_time() -> None:
    words = [timed("a", 0), timed("b", 700), timed("c", 100)]
    assert texts(segment("a b c", words, 900), at(500)) == ["a c", "b"]


def test_a_word_without_a_time_is_with_the_word_before_it() -> None:
    words = [timed("I", None), timed("want", 100), timed("out", None), timed("now", 600)]
    assert texts(segment("I want out now", words, 900), at(90, 500)) == ["I", "want out", "now"]


def test_parts_without_a_word_are_left_out() -> None:
    words = [timed("I", 0), timed("do", 2_500)]
    parts = parts_of(segment("I do", words, 3_000), at(1_000, 2_000))
    assert [(part.start_us, part.end_us) for part in parts] == [
        (START_US, START_US + 1_000_000),
        (START_US + 2_000_000, START_US + 3_000_000),
    ]


def test_words_beyond_the_segments_own_interval_are_in_its_ends() -> None:
    words = [timed("early", -500), timed("mid", 400), timed("late", 9_000)]
    assert texts(segment("early mid late", words, 600), at(300, 500)) == ["early", "mid", "late"]


def test_a_segment_without_a_duration_lasts_until_its_last_word_is_over() -> None:
    assert interval_us(segment("I want out", I_WANT_OUT)) == (START_US, START_US + 500_000)
    assert texts(segment("I want out", I_WANT_OUT), at(200)) == ["I want", "out"]


def test_a_last_word_without_an_end_is_inside_its_segment() -> None:
    assert interval_us(segment("no", [timed("no", 300)])) == (START_US, START_US + 300_001)


def test_times_out_of_all_proportion_make_a_segment_of_a_day_at_most() -> None:
    true = interval_us(segment("no", [timed("no", 0, 1e300)]))
    assert true == (START_US, START_US + 86_400_000_000)


def test_words_without_times_are_spread_over_the_duration() -> None:
    assert [p.payload for p in parts_of(plain("a b  c d", 400), at(150, 200))] == [b"a b", b"c d"]
    assert texts(segment("a b c d", duration_ms=400), at(100)) == ["a", "b c d"]
    untimed = [{"word": word} for word in "abcd"]
    cut_up = bodies(segment("a b c d", untimed, 400), at(100))
    assert [[word["word"] for word in body["words"]] for body in cut_up] == [
        ["a"],
        ["b", "c", "d"],
    ]


def test_a_plain_instant_is_never_cut() -> None:
    note = plain("patient stable")
    (part,) = parts_of(note, at(-1, 0, 1))
    assert part is note


def test_a_long_silence_with_a_millisecond_grid_costs_what_its_words_cost() -> None:
    day_us = 86_400_000_000
    note = interval(Modality.TEXT, PLAIN, b"two words", day_us)
    first, second = parts_of(note, range(START_US + 1_000, START_US + day_us, 1_000_000_000))
    assert (first.payload, second.payload) == (b"two", b"words")


def test_a_segment_without_a_word_is_one_part() -> None:
    (part,) = parts_of(segment(" ", duration_ms=500), at(200))
    assert (part.start_us, part.end_us) == (START_US, START_US + 500_000)


@given(
    words=st.lists(st.tuples(tokens, st.none() | st.integers(0, 4_000)), max_size=12),
    duration_ms=st.sampled_from((0, 1, 900, 4_000)),
    spaced=st.booleans(),
    bounds_us=bounds,
)
def test_no_word_is_lost_or_doubled_and_no_letter_of_the_text(
    words: list[tuple[str, int | None]], duration_ms: int, spaced: bool, bounds_us: list[int]
) -> None:
    text = (" " if spaced else "").join(word for word, _ in words)
    listed = [timed(word, None if ms is None else float(ms)) for word, ms in words]
    cut_up = bodies(segment(text, listed, duration_ms), bounds_us)
    held = [(word["word"], word["start_ms"]) for body in cut_up for word in body["words"]]
    assert sorted(held, key=repr) == sorted(((w["word"], w["start_ms"]) for w in listed), key=repr)
    letters = "".join("".join(body["text"].split()) for body in cut_up)
    assert sorted(letters) == sorted("".join(text.split()))


@given(
    words=st.lists(tokens, max_size=15),
    gap=st.sampled_from((" ", "  ", "\n", "\t ")),
    duration_ms=st.integers(0, 5_000),
    bounds_us=bounds,
)
def test_the_words_of_plain_text_stay_in_order(
    words: list[str], gap: str, duration_ms: int, bounds_us: list[int]
) -> None:
    if words:
        parts = parts_of(plain(gap.join(words), duration_ms), bounds_us)
        assert [word for part in parts for word in part.payload.decode().split()] == words


@pytest.mark.parametrize(
    ("content_type", "payload", "expected"),
    [
        (PLAIN, b"caf\xe9 au lait", "not_utf8"),
        (PLAIN, b"", "empty_value"),
        ("text/plain;charset=latin-1", b"cafe", "unsupported_charset"),
        ("text/html", b"<p>", "unknown_content_type"),
        (JSON, b"{", "not_json"),
        (JSON, b'{"txt": "a"}', "bad_json"),
        (JSON, b'{"text": "a", "words": [{"start_ms": 1}]}', "bad_json"),
    ],
)
def test_what_the_decoder_refuses_is_not_cut_and_has_its_reason(
    content_type: str, payload: bytes, expected: str
) -> None:
    result = cut(interval(Modality.TEXT, content_type, payload, 600_000), at(300))
    assert isinstance(result, BadSample)
    assert result.reason == expected
