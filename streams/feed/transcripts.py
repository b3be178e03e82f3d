"""Transcripts (JSONL, CSV, SRT, WebVTT) as text segments with start and end."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from schemas.sample import Modality
from streams.errors import FeedError
from streams.feed.subtitles import CueError, parse_cues
from streams.feed.times import EPOCH_FROM_US, TimeColumn, column_for
from streams.feed.track import Reading, Track, read_text

_START = ("start", "begin", "from")
_END = ("end", "stop", "to")
#: What the column or field with the text may be called.
TEXT_NAMES = ("text", "transcript", "utterance", "sentence")


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment; ``words`` are (word, start_ms, end_ms) from the segment's own start."""

    line: int
    start_us: int
    end_us: int
    text: str
    speaker: str | None = None
    words: tuple[tuple[str, int, int], ...] = ()

    def reading(self) -> Reading:
        """Plain text, or JSON ``{"text", "speaker", "words"}`` where there is more than text."""
        if self.speaker is None and not self.words:
            return Reading(
                self.start_us, self.end_us, "text/plain;charset=utf-8", self.text.encode()
            )
        body: dict[str, Any] = {"text": self.text}
        if self.speaker is not None:
            body["speaker"] = self.speaker
        if self.words:
            body["words"] = [
                {"word": word, "start_ms": start_ms, "end_ms": end_ms}
                for word, start_ms, end_ms in self.words
            ]
        payload = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        return Reading(self.start_us, self.end_us, "application/json", payload)


class _Columns:
    """Finds the time columns by the first row, then reads every row by them."""

    def __init__(self) -> None:
        self._start: TimeColumn | None = None
        self._end: TimeColumn | None = None

    def span(self, row: dict[str, Any]) -> tuple[int, int]:
        if self._start is None:
            self._start = self._find(row, _START)
            self._end = self._find(row, _END)
        if self._start is None:
            raise ValueError("expected a field 'start' with a time")
        start_us = self._start.read(str(row.get(self._start.name, "")))
        held = row.get(self._end.name) if self._end is not None else None
        end_us = start_us
        if self._end is not None and held not in (None, ""):
            end_us = self._end.read(str(held))
        if end_us < start_us:
            raise ValueError("expected a segment that ends after it starts")
        return start_us, end_us

    @staticmethod
    def _find(row: dict[str, Any], stems: tuple[str, ...]) -> TimeColumn | None:
        for name, value in row.items():
            stem = name.lower().replace("_", "").replace(" ", "").replace("time", "")
            units = ("", "s", "ms", "us", "min", "sec", "seconds")
            if any(stem == known + unit for known in stems for unit in units):
                return column_for(name, str(value))
        return None


def _text(row: dict[str, Any]) -> str:
    for name, value in row.items():
        if name.strip().lower() in TEXT_NAMES:
            if not isinstance(value, str):
                raise ValueError(f"expected field {name!r} to be text")
            return value.strip()
    raise ValueError(f"expected a field with the text ({', '.join(TEXT_NAMES)})")


def _words(row: dict[str, Any], start_us: int) -> tuple[tuple[str, int, int], ...]:
    held = row.get("words")
    if held is None:
        return ()
    try:
        return tuple(
            (
                str(item["word"]),
                round((float(item["start"]) * 1e6 - start_us) / 1_000),
                round((float(item["end"]) * 1e6 - start_us) / 1_000),
            )
            for item in held
        )
    except (TypeError, KeyError, ValueError, OverflowError):
        raise ValueError("expected words as [{word, start, end}] with seconds") from None


def _jsonl_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, text in enumerate(read_text(path).splitlines(), start=1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise FeedError(f"{path}:{line}: expected a JSON object, got none; correct the line")
        yield line, row


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), skipinitialspace=True)
    for row in reader:
        yield (
            reader.line_num,
            {name: value for name, value in row.items() if name and isinstance(value, str)},
        )


def _table(path: Path) -> Iterator[Segment]:
    rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _jsonl_rows(path)
    columns = _Columns()
    for line, row in rows:
        try:
            start_us, end_us = columns.span(row)
            text = _text(row)
            if not text:
                continue
            speaker = row.get("speaker")
            yield Segment(
                line,
                start_us,
                end_us,
                text,
                str(speaker) if speaker not in (None, "") else None,
                _words(row, start_us),
            )
        except ValueError as error:
            raise FeedError(f"{path}:{line}: {error}; correct the line") from None


def _subtitles(path: Path) -> Iterator[Segment]:
    try:
        cues = parse_cues(read_text(path), vtt=path.suffix.lower() == ".vtt")
    except CueError as error:
        raise FeedError(f"{path}:{error.line}: {error}; correct the line") from None
    for cue in cues:
        yield Segment(cue.line, cue.start_us, cue.end_us, cue.text, cue.speaker)


def read_segments(path: Path) -> list[Segment]:
    """A transcript's segments in the order in which they end, which is when they are known.

    Times of JSONL and CSV are seconds from the recording's zero, another unit that the field's
    name tells (``start_ms``), or absolute. A file holds at most 64 MB, so it is read as a whole:
    transcripts are often sorted by speaker.
    """
    suffix = path.suffix.lower()
    found = list(_subtitles(path) if suffix in {".srt", ".vtt"} else _table(path))
    if not found:
        raise FeedError(f"{path}: expected segments with text, got none; check the file")
    return sorted(found, key=lambda segment: (segment.end_us, segment.start_us, segment.line))


def transcript_tracks(path: Path) -> list[Track]:
    """One track of text segments."""
    segments = read_segments(path)
    first_us = min(segment.start_us for segment in segments)
    epoch = first_us >= EPOCH_FROM_US
    if epoch != (segments[-1].end_us >= EPOCH_FROM_US):
        raise FeedError(f"{path}: expected relative or absolute times, got both; use one of them")
    return [
        Track(
            path,
            "",
            (Modality.TEXT,),
            "epoch" if epoch else "relative",
            first_us,
            len(segments),
            partial(_readings, segments),
        )
    ]


def _readings(segments: list[Segment]) -> Iterator[Reading]:
    return (segment.reading() for segment in segments)
