"""Transcript segments cut between words.

A word belongs to the part that holds its start. Where no word has a time, the words (the listed
ones, else the text split at white space) are spread evenly over the segment; one without a time
among others is with the word before it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence

import msgspec

from schemas.envelope_fields import MAX_DURATION_US
from schemas.payloads import TextSegment, Word
from schemas.sample import Sample
from schemas.units import US_PER_MS
from workers.codecs.json_form import read_json
from workers.codecs.media_type import parse_media_type
from workers.codecs.text import decode_text

_segments = msgspec.json.Decoder(TextSegment)
_TO_LAST_SPACE = re.compile(r".*\s", re.DOTALL)


def text_interval_us(sample: Sample) -> tuple[int, int]:
    """The segment's own interval; of one without a duration, up to the end of its last word.

    Plain text without a duration is an instant. Raises ``CodecError``.
    """
    start_us, end_us = sample.start_us, sample.end_us
    if end_us == start_us and _is_json(sample):
        for word in read_json(sample.payload, _segments).words:
            # An interval holds the start of each word, so it ends after it.
            if word.start_ms is not None:
                end_us = max(end_us, start_us + _after_us(word.start_ms) + 1)
            if word.end_ms is not None:
                end_us = max(end_us, start_us + _after_us(word.end_ms))
    return start_us, end_us


def cut_text(sample: Sample, bounds_us: Sequence[int]) -> list[Sample]:
    """A segment's parts between ascending bounds inside its interval, each with a word or more.

    Parts have the segment's form and speaker. Their text is the segment's own from their first
    word to the next part's, where the listed words are found in it in order, else the words
    joined by spaces. Times of words stay those after the start of the whole segment. A segment
    without a word is one part. Raises ``CodecError``.
    """
    start_us, end_us = text_interval_us(sample)
    decode_text(sample.payload, parse_media_type(sample.content_type))  # refuse what it refuses
    if _is_json(sample):
        segment = read_json(sample.payload, _segments)
    else:
        segment = TextSegment(sample.payload.decode())
    words = segment.words or [Word(word) for word in segment.text.split()]
    if not words:
        return [msgspec.structs.replace(sample, end_us=end_us)]
    #: Part, counted from 0 at the start of the segment -> positions of its words, ascending.
    groups: dict[int, list[int]] = {}
    for position, time_us in enumerate(_times_us(words, start_us, end_us)):
        groups.setdefault(bisect_right(bounds_us, time_us), []).append(position)
    texts = _texts(segment.text, words, groups)
    parts = []
    for group in sorted(groups):
        listed = [words[position] for position in groups[group]] if segment.words else []
        parts.append(
            msgspec.structs.replace(
                sample,
                start_us=bounds_us[group - 1] if group else start_us,
                end_us=bounds_us[group] if group < len(bounds_us) else end_us,
                payload=_payload(sample, segment, texts[group], listed),
            )
        )
    return parts


def _is_json(sample: Sample) -> bool:
    return parse_media_type(sample.content_type).essence == "application/json"


def _after_us(ms: float) -> int:
    """Microseconds after the segment's start; a time out of all proportion is brought in."""
    return round(min(max(ms, 0.0), MAX_DURATION_US / US_PER_MS) * US_PER_MS)


def _times_us(words: Sequence[Word], start_us: int, end_us: int) -> list[int]:
    if all(word.start_ms is None for word in words):
        length_us, count = end_us - start_us, len(words)
        return [start_us + position * length_us // count for position in range(count)]
    times_us, last_us = [], start_us
    for word in words:
        if word.start_ms is not None:
            last_us = start_us + _after_us(word.start_ms)
        times_us.append(last_us)
    return times_us


def _texts(text: str, words: Sequence[Word], groups: Mapping[int, Sequence[int]]) -> dict[int, str]:
    """Text of each part."""
    begins = _begins(text, words)
    order = [position for part in sorted(groups) for position in groups[part]]
    if begins is None or order != sorted(order):
        return {
            part: " ".join(words[position].word.strip() for position in positions)
            for part, positions in groups.items()
        }
    texts, end = {}, len(text)
    for part in sorted(groups, reverse=True):
        first = groups[part][0]
        begin = begins[first] if first else 0
        texts[part] = text[begin:end].strip()
        end = begin
    return texts


def _begins(text: str, words: Sequence[Word]) -> list[int] | None:
    """Where each word begins in the text, with what is written before it without a space.

    ``None`` where the text does not have the words in this order.
    """
    begins, done = [], 0
    for word in words:
        bare = word.word.strip()
        at = text.find(bare, done)
        if at < 0:
            return None
        between = _TO_LAST_SPACE.match(text, done, at)
        begins.append(between.end() if between else at)
        done = at + len(bare)
    return begins


def _payload(sample: Sample, segment: TextSegment, text: str, words: list[Word]) -> bytes:
    if not _is_json(sample):
        return text.encode()
    return msgspec.json.encode(TextSegment(text, words, segment.speaker))
