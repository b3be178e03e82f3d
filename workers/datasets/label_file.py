"""Labels as a file: CSV or JSON lines of session, start, end, task and label."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from schemas.units import MAX_EVENT_TIME_US, us_to_iso
from streams.feed.times import read_iso
from workers.datasets.base import Label
from workers.datasets.files import read_table, read_text
from workers.datasets.making import sorted_labels
from workers.errors import DataSetError

COLUMNS = ("session", "start", "end", "task", "label")


def read_time(value: object) -> int:
    """Event time of a label: epoch microseconds as a whole number, or ISO 8601 (UTC where no
    offset is given). Raises ``ValueError``.

    >>> read_time("2026-03-01T12:00:00Z") == read_time(1772366400000000)
    True
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("expected a time as ISO 8601 text or whole microseconds")
    text = str(value).strip()
    try:
        time_us = int(text) if text.lstrip("-").isdigit() else read_iso(text)
    except ValueError:
        raise ValueError("expected a time as ISO 8601 text or whole microseconds") from None
    if not 0 <= time_us <= MAX_EVENT_TIME_US:
        raise ValueError("expected a time from 1970 to 2255")
    return time_us


def as_label(row: Mapping[str, object]) -> Label:
    """One label of its fields. Raises ``ValueError`` that says what is wrong with it."""
    texts: dict[str, str] = {}
    for name in ("session", "task", "label"):
        value = row.get(name)
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"expected {name} as text")
        texts[name] = value.strip()
    start_us, end_us = read_time(row.get("start")), read_time(row.get("end"))
    if end_us <= start_us:
        raise ValueError("expected an end after the start")
    return Label(texts["session"], start_us, end_us, texts["task"], texts["label"])


def read_labels(path: Path) -> tuple[Label, ...]:
    """The labels of a ``.csv`` file, or of JSON lines under any other name, sorted.

    Other columns are ignored. Raises ``DataSetError`` that names the line.
    """
    rows = _csv(path) if path.suffix.lower() == ".csv" else _json_lines(path)
    labels: list[Label] = []
    for number, row in rows:
        try:
            labels.append(as_label(row))
        except ValueError as error:
            raise DataSetError(f"{path}:{number}: {error}; correct the line") from None
    if not labels:
        raise DataSetError(f"{path}: expected labels, got none; check the file")
    return sorted_labels(labels)


def write_labels(path: Path, labels: Iterable[Label]) -> None:
    """Write CSV that ``read_labels`` reads back to the same."""
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(
                (one.session, us_to_iso(one.start_us), us_to_iso(one.end_us), one.task, one.label)
                for one in labels
            )
    except OSError as error:
        raise DataSetError(f"{path}: cannot be written ({error.strerror})") from None


def _csv(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    # Cells with line breaks would shift the numbers; a label has none.
    return enumerate(read_table(path, COLUMNS), start=2)


def _json_lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, text in enumerate(read_text(path).splitlines(), start=1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise DataSetError(f"{path}:{number}: expected a JSON object; correct the line")
        yield number, row
