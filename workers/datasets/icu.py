"""Records of intensive care (WFDB): vital signs, waveforms and beats that were marked in them.

Layout: ``.hea`` files with the signal files that they name, also in folders below; annotations
``.atr`` beside them where there are any. Read by ``streams.feed.wfdb_record``.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from schemas.units import US_PER_S
from streams.errors import FeedError
from streams.feed.item import FeedItem
from streams.feed.track import ReadOptions, Track
from streams.feed.wfdb_record import wfdb_tracks
from workers.datasets.base import DataSet, Label
from workers.datasets.files import nothing_of
from workers.datasets.making import START_US, Cleaning, sorted_labels
from workers.errors import DataSetError

#: PhysioNet's annotation codes of beats, by the AAMI classes (ANSI/AAMI EC57).
_BEATS = {
    **dict.fromkeys("NLRejB", "normal"),
    **dict.fromkeys("AaJS", "supraventricular"),
    **dict.fromkeys("VE", "ventricular"),
    "F": "fusion",
    **dict.fromkeys("/fQ", "unknown"),
}
BEATS = ("normal", "supraventricular", "ventricular", "fusion", "unknown")


def records(name: str, path: Path, *, beats: bool) -> DataSet:
    """Every record of a folder, or one ``.hea`` file, as a session that begins with the others.

    ``beats``: labels of the task ``beat`` from ``.atr`` files, each from its beat to the next.
    Times of the records are given up for a common start: PhysioNet has shifted their dates.
    """
    files = [path] if path.suffix == ".hea" and path.is_file() else sorted(path.rglob("*.hea"))
    cleaning = Cleaning()
    tracks: dict[str, Track] = {}
    labels: list[Label] = []
    for file in files:
        try:
            (track,) = wfdb_tracks(file, ReadOptions())
        except FeedError as error:
            if path == file:
                raise DataSetError(str(error)) from None
            cleaning.dropped("record whose signal files are missing or broken")
            continue
        tracks[file.stem] = track
        if beats and file.with_suffix(".atr").is_file():
            labels += _beats(file, cleaning)
    if not tracks:
        raise nothing_of(path, "WFDB records (.hea with their signal files)")
    return DataSet(
        name,
        partial(_items, tracks),
        sorted_labels(labels),
        {"beat": BEATS} if labels else {},
        {session: session for session in tracks},
        "ODC-By 1.0 / ODbL 1.0",
        True,
        "PhysioNet open-access records, from MIT-LCP/wfdb-python; no official split",
        cleaned=cleaning.told(),
    )


def _items(tracks: dict[str, Track]) -> Iterator[FeedItem]:
    return heapq.merge(
        *(_played(session, track) for session, track in tracks.items()),
        key=lambda item: item.due_us,
    )


def _played(session: str, track: Track) -> Iterator[FeedItem]:
    shift_us = START_US - track.first_us
    try:
        for sequence, reading in enumerate(track.read()):
            end_us = reading.end_us + shift_us
            yield FeedItem(
                session,
                "vitals",
                "monitor",
                reading.start_us + shift_us,
                end_us,
                reading.content_type,
                reading.payload,
                sequence,
                end_us,
            )
    except FeedError as error:
        raise DataSetError(str(error)) from None


def _beats(file: Path, cleaning: Cleaning) -> list[Label]:
    import wfdb

    stem = str(file.with_suffix(""))
    try:
        marks, header = wfdb.rdann(stem, "atr"), wfdb.rdheader(stem)
        rate_hz, end = float(header.fs), int(header.sig_len)
        beats = list(zip(marks.sample.tolist(), marks.symbol, strict=True))
    except Exception as error:
        raise DataSetError(
            f"{file.with_suffix('.atr')}: expected WFDB annotations, got {type(error).__name__}; "
            "copy the record anew"
        ) from None
    known = [(int(sample), symbol) for sample, symbol in beats if symbol in _BEATS]
    for _ in range(len(beats) - len(known)):
        cleaning.dropped("annotation that is no beat (rhythm, noise, comment)")
    ends = [sample for sample, _ in known[1:]] + [end]
    return [
        Label(
            file.stem,
            START_US + round(sample * US_PER_S / rate_hz),
            START_US + round(until * US_PER_S / rate_hz),
            "beat",
            _BEATS[symbol],
        )
        for (sample, symbol), until in zip(known, ends, strict=True)
        if until > sample
    ]
