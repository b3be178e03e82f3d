"""Object lists of smart sensors: JSONL, a time and a list of objects a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from schemas.sample import Modality
from streams.errors import FeedError
from streams.feed.times import TimeColumn, find_time_column
from streams.feed.track import Reading, Track


def jsonl_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers (from 1) and objects of a JSONL file, one line in memory at a time."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for line, text in enumerate(file, start=1):
                if not text.strip():
                    continue
                try:
                    row = json.loads(text)
                except ValueError:
                    row = None
                if not isinstance(row, dict):
                    raise FeedError(
                        f"{path}:{line}: expected a JSON object, got none; correct the line"
                    )
                yield line, row
    except UnicodeDecodeError:
        raise FeedError(f"{path}: expected UTF-8 text, got other bytes; save it as UTF-8") from None


def _column(path: Path, line: int, row: dict[str, Any]) -> TimeColumn:
    try:
        column = find_time_column(row, {name: str(value) for name, value in row.items()})
    except ValueError as error:
        raise FeedError(f"{path}:{line}: {error}; correct the line") from None
    if column is None:
        raise FeedError(
            f"{path}:{line}: expected a time field (such as time_s), got {', '.join(row)[:80]}; "
            "add one"
        )
    return column


def _readings(path: Path, column: TimeColumn) -> Iterator[Reading]:
    for line, row in jsonl_lines(path):
        try:
            time_us = column.read(str(row.pop(column.name, "")))
        except ValueError as error:
            raise FeedError(f"{path}:{line}: field {column.name}: {error}; correct it") from None
        if not isinstance(row.get("objects"), list):
            raise FeedError(f"{path}:{line}: expected a list 'objects', got none; add it")
        payload = json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()
        yield Reading(time_us, time_us, "application/json", payload)


def object_tracks(path: Path) -> list[Track]:
    """One track of object lists; a line is what its sensor sent, less the time, in file order."""
    line, row = next(jsonl_lines(path), (0, {}))
    if not line:
        raise FeedError(f"{path}: expected object lists, got an empty file; check the path")
    column = _column(path, line, row)
    read = partial(_readings, path, column)
    first_us = next(read()).start_us
    with path.open("rb") as file:
        count = sum(1 for text in file if text.strip())
    return [Track(path, "", (Modality.OBJECTS,), column.clock, first_us, count, read)]
