"""Vital signs and other slow signals from CSV: a row a sample, a column a channel."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from schemas.sample import Modality
from streams.errors import FeedError
from streams.feed.times import TimeColumn, find_time_column
from streams.feed.track import Reading, ReadOptions, Track

_ACRONYM = re.compile(r"([A-Z]{2,})([A-Z][a-z]+)")
#: A unit behind a name, of those in which channels are known: a channel in another unit keeps it in
#: its name, and so is another channel.
_UNIT = re.compile(
    r"[(\[]\s*(%|°\s?C|bpm|mm\s?Hg|((1|beats|breaths)\s?)?/\s?min|m/s|rad/s)\s*[)\]]\s*$",
    re.IGNORECASE,
)


def channel_name(name: str) -> str:
    """A channel's name in lower case with underscores, without the unit where it is the usual one.

    >>> [channel_name(n) for n in ("HR", "ABPSys", "SpO2", "NBPMean", "Resp Rate (1/min)")]
    ['hr', 'abp_sys', 'spo2', 'nbp_mean', 'resp_rate']
    >>> [channel_name(n) for n in ("ABPDias", "Temp (°C)", "Temp (°F)", "NBP Sys [mmHg]")]
    ['abp_dia', 'temp', 'temp_f', 'nbp_sys']
    """
    spaced = _ACRONYM.sub(r"\1_\2", _UNIT.sub("", name))
    lowered = "_".join(re.findall(r"[a-z0-9]+", spaced.lower()))
    return lowered.removesuffix("s") if lowered.endswith("_dias") else lowered


def series_payload(values: Mapping[str, float | None]) -> bytes:
    """``{"hr": 80.0, "spo2": null}``: the JSON of one moment; null is a missing value."""
    return json.dumps(values, separators=(",", ":"), allow_nan=False).encode()


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and cells by column name, one row in memory at a time."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            for row in reader:
                if None in row:
                    raise FeedError(
                        f"{path}:{reader.line_num}: expected {len(reader.fieldnames or ())} "
                        "columns, got more; correct the row"
                    )
                yield reader.line_num, {name: cell or "" for name, cell in row.items()}
    except UnicodeDecodeError:
        raise FeedError(f"{path}: expected UTF-8 text, got other bytes; save it as UTF-8") from None
    except csv.Error as error:
        raise FeedError(f"{path}: expected CSV, got {error}; export it again") from None


def _value(cell: str) -> float | None:
    text = cell.strip()
    if text.lower() in {"", "nan", "na", "n/a", "null", "none", "-"}:
        return None
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("expected a finite number")
    return value


def _readings(path: Path, column: TimeColumn | None, interval_us: float) -> Iterator[Reading]:
    for index, (line, row) in enumerate(_rows(path)):
        if column is None:
            time_us = round(index * interval_us)
        else:
            try:
                time_us = column.read(row.pop(column.name))
            except ValueError as error:
                raise FeedError(
                    f"{path}:{line}: column {column.name!r}: {error}; correct it"
                ) from None
        values = {}
        for name, cell in row.items():
            try:
                values[channel_name(name)] = _value(cell)
            except ValueError:
                raise FeedError(
                    f"{path}:{line}: column {name!r}: expected a number or nothing, got "
                    f"{cell[:32]!r}; correct it or remove the column"
                ) from None
        yield Reading(time_us, time_us, "application/json", series_payload(values))


def vitals_tracks(path: Path, options: ReadOptions) -> list[Track]:
    """One track: a JSON object of channels a row, an empty cell as null.

    Times come from the column whose name says so (``time_s``, ``minutes``, ``timestamp``), else
    from ``options.interval_s`` between rows.
    """
    line, first = next(_rows(path), (0, {}))
    if not line:
        raise FeedError(f"{path}: expected rows of signals, got none; check the file")
    if len(first) == 1 and (mark := next((m for m in ";\t|" if m in next(iter(first))), None)):
        raise FeedError(
            f"{path}:1: expected columns between commas, got {mark!r}; export it with commas"
        )
    try:
        column = None if options.interval_s is not None else find_time_column(first, first)
    except ValueError as error:
        raise FeedError(f"{path}:{line}: {error}; correct the column") from None
    if column is None and options.interval_s is None:
        raise FeedError(
            f"{path}:1: expected a time column (such as time_s), got {', '.join(first)[:120]}; "
            "rename one or give the interval between rows"
        )
    channels = [name for name in first if column is None or name != column.name]
    if not channels or len({channel_name(name) for name in channels}) < len(channels):
        raise FeedError(
            f"{path}:1: expected distinct columns of signals, got {', '.join(channels)[:120]}; "
            "rename them"
        )
    read = partial(_readings, path, column, (options.interval_s or 0.0) * 1e6)
    first_us = next(read()).start_us
    with path.open("rb") as file:
        count = sum(1 for text in file if text.strip()) - 1
    clock = "relative" if column is None else column.clock
    return [Track(path, "", (Modality.SERIES,), clock, first_us, count, read)]
