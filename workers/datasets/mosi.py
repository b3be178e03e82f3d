"""CMU-MOSI: opinion videos, an utterance a second, sentiment from words, voice and face.

Layout: ``utterances.csv`` and ``features.npz`` with ``text``, ``audio`` and ``video``, float32 of
one row an utterance in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.units import US_PER_S
from streams.feed.item import FeedItem
from workers.datasets.base import DataSet, Label, Split
from workers.datasets.files import nothing_of, read_arrays, read_table, the_file
from workers.datasets.making import Cleaning, second, sorted_labels, vector, words
from workers.errors import DataSetError

ABOUT = "opinion videos: sentiment of each utterance from given text, audio and video features"
SENTIMENTS = ("negative", "positive")
#: Input -> its sensor.
SENSORS = {"text": "asr", "audio": "mic", "video": "camera"}
_SPLITS: Mapping[str, Split] = {"train": "train", "val": "validation", "valid": "validation"}


def load(path: Path, *, transcripts: bool = False, ahead: int = 0) -> DataSet:
    """Read the folder; a session is a video, its utterance k takes place at second k.

    The files hold no times, so utterances are one second long, in their order. ``transcripts``:
    give the words as text on the input ``transcript`` as well. ``ahead``: an utterance's label
    stands so many seconds later, where a window that ends there has seen as much of what follows.
    Videos of any split, or of one.
    """
    table = the_file(path, ["utterances.csv"])
    if table is None:
        raise nothing_of(path, "utterances.csv and features.npz")
    rows = read_table(table, ["video_id", "segment", "split", "label", "text"])
    features = _features(table.parent / "features.npz", len(rows))
    cleaning = Cleaning()
    placed = _placed(table, rows, cleaning)
    labels = [
        Label(
            row["video_id"],
            second(number + ahead),
            second(number + ahead) + US_PER_S,
            "sentiment",
            SENTIMENTS[row["label"] == "1"],
        )
        for number, _, row in placed
    ]

    def items() -> Iterator[FeedItem]:
        for number, index, row in placed:
            session, at_us = row["video_id"], second(number)
            for name, sensor in SENSORS.items():
                yield vector(session, name, sensor, at_us, features[name][index], number)
            if transcripts and row["text"]:
                yield words(session, "transcript", "subtitles", at_us, row["text"], number)

    return DataSet(
        "mosi",
        items,
        sorted_labels(labels),
        {"sentiment": SENTIMENTS},
        {row["video_id"]: row["video_id"] for row in rows},
        "research use (CMU-MOSI); features MIT",
        False,
        "CMU-MOSI with the features and the speaker-independent split of 62 and 31 videos of "
        "declare-lab/multimodal-deep-learning (bc-LSTM, Poria et al. 2017)",
        {row["video_id"]: _SPLITS.get(row["split"], "test") for row in rows},
        cleaning.told(),
    )


def _placed(
    table: Path, rows: Sequence[Mapping[str, str]], cleaning: Cleaning
) -> list[tuple[int, int, Mapping[str, str]]]:
    """(second, row index, row) by second; places in a video are counted from 0."""
    by_video: dict[str, list[tuple[int, int, Mapping[str, str]]]] = {}
    for index, row in enumerate(rows):
        if row["label"] not in ("0", "1") or not row["segment"].isdecimal():
            raise DataSetError(
                f"{table}:{index + 2}: expected a segment number and label 0 or 1, got "
                f"{row['segment'][:20]!r} and {row['label'][:20]!r}; copy the file anew"
            )
        if not row["text"]:
            cleaning.repaired("utterance without words: only its features are given")
        by_video.setdefault(row["video_id"], []).append((int(row["segment"]), index, row))
    placed = [
        (number, index, row)
        for video in by_video.values()
        for number, (_, index, row) in enumerate(sorted(video, key=lambda one: one[:2]))
    ]
    return sorted(placed, key=lambda one: (one[0], one[1]))


def _features(path: Path, rows: int) -> dict[str, NDArray[np.float32]]:
    held = read_arrays(path)
    if missing := [name for name in SENSORS if name not in held]:
        raise DataSetError(
            f"{path}: expected arrays {', '.join(SENSORS)}, got no {missing[0]}; copy it anew"
        )
    found = {name: np.asarray(held[name], np.float32) for name in SENSORS}
    for name, values in found.items():
        if values.ndim != 2 or len(values) != rows or not np.isfinite(values).all():
            raise DataSetError(
                f"{path}: expected {name} of {rows} rows of finite values, got shape "
                f"{values.shape}; copy both files anew"
            )
    return found
