"""PhysioNet records (WFDB): vital signs at most once a second, or waveforms in chunks."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import Any

from schemas.sample import Modality
from schemas.units import time_to_us
from streams.errors import FeedError
from streams.feed.track import Clock, Reading, ReadOptions, Track
from streams.feed.vitals import channel_name, series_payload

#: Up to this rate a sample is one moment; above it, a chunk of waveforms.
_MOMENTS_UP_TO_HZ = 1.0
#: Frames read at a time: an hour of minutes or half a minute at 360 Hz, whole chunks either way.
_BLOCK_FRAMES = 10_000


def _call(path: Path, function: str, **arguments: Any) -> Any:
    """One call into wfdb, whose errors for a broken record are of many types."""
    # Imported here: it brings pandas, most of a second that other formats need not wait.
    import wfdb

    try:
        return getattr(wfdb, function)(str(path.with_suffix("")), **arguments)
    except Exception as error:
        raise FeedError(
            f"{path}: expected a WFDB record with its signal files beside it, got "
            f"{type(error).__name__} while reading; check that all its files are there and whole"
        ) from None


def _frames(path: Path, total: int, block: int) -> Iterator[list[list[float | None]]]:
    """Physical values, a row a frame and a column a channel, in blocks; NaN as None."""
    for start in range(0, total, block):
        record = _call(path, "rdrecord", sampfrom=start, sampto=min(start + block, total))
        yield [[_rounded(value) for value in row] for row in record.p_signal.tolist()]


def _rounded(value: float) -> float | None:
    # Six digits are four more than a 12-bit converter has, and half the JSON of a full double.
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _moments(
    path: Path, names: list[str], rate_hz: float, t0_us: int, total: int
) -> Iterator[Reading]:
    index = 0
    for rows in _frames(path, total, _BLOCK_FRAMES):
        for row in rows:
            time_us = t0_us + round(index * 1e6 / rate_hz)
            payload = series_payload(dict(zip(names, row, strict=True)))
            yield Reading(time_us, time_us, "application/json", payload)
            index += 1


def _waveforms(
    path: Path, names: list[str], rate_hz: float, t0_us: int, total: int, chunk: int
) -> Iterator[Reading]:
    done = 0
    for rows in _frames(path, total, max(chunk, _BLOCK_FRAMES - _BLOCK_FRAMES % chunk)):
        for start in range(0, len(rows), chunk):
            part = rows[start : start + chunk]
            columns = {name: [row[channel] for row in part] for channel, name in enumerate(names)}
            body = {"channels": columns, "rate_hz": rate_hz}
            payload = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
            start_us = t0_us + round(done * 1e6 / rate_hz)
            done += len(part)
            yield Reading(
                start_us, t0_us + round(done * 1e6 / rate_hz), "application/json", payload
            )


def wfdb_tracks(path: Path, options: ReadOptions) -> list[Track]:
    """One track of a record's signals; ``path`` is its ``.hea`` file.

    Up to 1 Hz each frame is ``{"hr": 80, "spo2": null}``; above, chunks of
    ``options.waveform_ms`` are ``{"channels": {"ii": [...]}, "rate_hz": 250}``. The record's base
    date and time, taken as UTC, is its clock (PhysioNet shifts dates, so 2896 is a year like any
    other); without a date, times count from zero.
    """
    header = _call(path, "rdheader")
    rate_hz, total = float(header.fs or 0), int(header.sig_len or 0)
    if total <= 0 or rate_hz <= 0:
        raise FeedError(f"{path}: expected signals, got none; check the record")
    # A record of several segments names its signals only in those.
    first = _call(path, "rdrecord", sampfrom=0, sampto=1)
    names = [channel_name(name) for name in first.sig_name]
    if len(set(names)) < len(names):
        raise FeedError(f"{path}: expected distinct signal names, got {names}; rename them")
    clock: Clock = "relative"
    t0_us = 0
    if header.base_datetime is not None:
        clock, t0_us = "epoch", time_to_us(header.base_datetime.replace(tzinfo=UTC))
    if rate_hz <= _MOMENTS_UP_TO_HZ:
        read = partial(_moments, path, names, rate_hz, t0_us, total)
        return [Track(path, "", (Modality.SERIES,), clock, t0_us, total, read)]
    chunk = max(1, round(rate_hz * options.waveform_ms / 1_000))
    read = partial(_waveforms, path, names, rate_hz, t0_us, total, chunk)
    return [Track(path, "", (Modality.SERIES,), clock, t0_us, -(-total // chunk), read)]
