"""MELD: dialogues of a television series with emotion and sentiment of each utterance, and times.

Layout: ``train_sent_emo.csv``, ``dev_sent_emo.csv``, ``test_sent_emo.csv``; any may be missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from schemas.units import US_PER_MS, US_PER_S
from streams.feed.item import FeedItem
from streams.feed.times import read_clock
from workers.datasets.base import DataSet, Label, Split
from workers.datasets.files import nothing_of, read_table, the_file
from workers.datasets.making import START_US, Cleaning, in_order, segment, sorted_labels
from workers.errors import DataSetError

ABOUT = "dialogues of a series: emotion (7) and sentiment (3) of each utterance, with its times"
EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
SENTIMENTS = ("negative", "neutral", "positive")
_FILES: tuple[tuple[str, Split], ...] = (
    ("train_sent_emo.csv", "train"),
    ("dev_sent_emo.csv", "validation"),
    ("test_sent_emo.csv", "test"),
)
_COLUMNS = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID")
#: The pipeline's windows begin with an utterance and are as long, so two may not begin closer.
_APART_US = 100 * US_PER_MS
#: A longer silence inside a dialogue is an error in the times of the file.
_MAX_PAUSE_US = 60 * US_PER_S


class _Utterance(NamedTuple):
    start_us: int
    end_us: int
    row: Mapping[str, str]


def load(path: Path) -> DataSet:
    """Read the folder, or one of its files; a session is a dialogue, in the time of its episode.

    The dialogue begins at the start of a session. Utterances keep their order: one that begins
    before, or with, the one before it is moved to 0.1 s after that one's start, and a pause of
    more than a minute is cut to a second. Labels last until the next utterance begins, at most.
    """
    cleaning = Cleaning()
    sessions: dict[str, list[_Utterance]] = {}
    splits: dict[str, Split] = {}
    for name, split in _FILES:
        file = the_file(path, [name])
        if file is None:
            continue
        for dialogue, rows in _dialogues(file).items():
            session = f"{split}-dialogue-{dialogue}"
            splits[session] = split
            sessions[session] = _timed(file, rows, cleaning)
    if not sessions:
        raise nothing_of(path, "train_sent_emo.csv, dev_sent_emo.csv or test_sent_emo.csv")

    def items() -> Iterator[FeedItem]:
        return in_order(
            segment(
                session,
                "transcript",
                "subtitles",
                one.start_us,
                one.end_us,
                one.row["Utterance"],
                one.row["Speaker"],
                number,
            )
            for session, utterances in sessions.items()
            for number, one in enumerate(utterances)
        )

    return DataSet(
        "meld",
        items,
        sorted_labels(
            label
            for session, utterances in sessions.items()
            for label in _labels(session, utterances, cleaning)
        ),
        {"emotion": EMOTIONS, "sentiment": SENTIMENTS},
        # The same friends speak in every part: a group by speaker would be one.
        {session: session for session in sessions},
        "GPL-3.0",
        False,
        "MELD (Poria et al. 2019) with its split by dialogue, from declare-lab/MELD; words and "
        "times only",
        splits,
        cleaning.told(),
    )


def _dialogues(file: Path) -> dict[str, list[Mapping[str, str]]]:
    found: dict[str, list[Mapping[str, str]]] = {}
    columns = (*_COLUMNS, "StartTime", "EndTime")
    for number, row in enumerate(read_table(file, columns), start=2):
        if row["Emotion"] not in EMOTIONS or row["Sentiment"] not in SENTIMENTS:
            raise DataSetError(
                f"{file}: row {number}: expected one of the 7 emotions and 3 sentiments, got "
                f"{row['Emotion'][:20]!r} and {row['Sentiment'][:20]!r}; copy the file anew"
            )
        if not row["Utterance_ID"].isdecimal():
            raise DataSetError(
                f"{file}: row {number}: expected the utterance's number in Utterance_ID, got "
                f"{row['Utterance_ID'][:20]!r}; copy the file anew"
            )
        found.setdefault(row["Dialogue_ID"], []).append(row)
    return found


def _timed(file: Path, rows: list[Mapping[str, str]], cleaning: Cleaning) -> list[_Utterance]:
    utterances: list[_Utterance] = []
    shift_us = 0
    for row in sorted(rows, key=lambda one: int(one["Utterance_ID"])):
        if not row["Utterance"]:
            cleaning.dropped("utterance without words")
            continue
        try:
            start_us, end_us = read_clock(row["StartTime"]), read_clock(row["EndTime"])
        except ValueError:
            raise DataSetError(
                f"{file}: dialogue {row['Dialogue_ID']}: expected times h:mm:ss,mmm, got "
                f"{row['StartTime'][:20]!r}; copy the file anew"
            ) from None
        if not utterances:
            shift_us = START_US - start_us
        elif start_us + shift_us > utterances[-1].end_us + _MAX_PAUSE_US:
            shift_us = utterances[-1].end_us + US_PER_S - start_us
            cleaning.repaired("pause of more than a minute inside a dialogue, cut to a second")
        begin_us = start_us + shift_us
        if utterances and begin_us < utterances[-1].start_us + _APART_US:
            begin_us = utterances[-1].start_us + _APART_US
            cleaning.repaired("utterance that begins no later than the one before it, moved")
        utterances.append(_Utterance(begin_us, max(begin_us + _APART_US, end_us + shift_us), row))
    return utterances


def _labels(session: str, utterances: list[_Utterance], cleaning: Cleaning) -> Iterator[Label]:
    for number, one in enumerate(utterances):
        end_us = one.end_us
        if number + 1 < len(utterances) and utterances[number + 1].start_us < end_us:
            end_us = utterances[number + 1].start_us
            cleaning.repaired("label that reaches into the next utterance, cut there")
        yield Label(session, one.start_us, end_us, "emotion", one.row["Emotion"])
        yield Label(session, one.start_us, end_us, "sentiment", one.row["Sentiment"])
