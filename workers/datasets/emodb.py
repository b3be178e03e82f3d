"""EMO-DB: sentences spoken with an emotion, a speaker's one after the other.

Layout: ``labels.csv`` (file, speaker, emotion, …) and the FLAC or WAV files in ``flac/`` or
``wav/`` or beside it. Without the table, EMO-DB's own file names tell speaker and emotion.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from schemas.units import US_PER_S
from streams.feed.item import FeedItem
from workers.datasets.base import DataSet, Label
from workers.datasets.files import nothing_of, read_bytes, read_table, the_file
from workers.datasets.making import START_US, Cleaning, sorted_labels
from workers.errors import DataSetError

ABOUT = "acted emotional speech in German: 4 emotions from audio, grouped by speaker"
EMOTIONS = ("anger", "happiness", "neutral", "sadness")
#: The sixth character of a file name: Wut (Ärger), Freude, neutral, Trauer.
_BY_LETTER = {"W": "anger", "F": "happiness", "N": "neutral", "T": "sadness"}
_NAME = re.compile(r"^(\d\d)[ab]\d\d([A-Z])[a-z]?$")
_FOLDERS = ("flac", "wav", "")
_TYPES = {".flac": "audio/flac", ".wav": "audio/wav"}


class _Utterance(NamedTuple):
    path: Path
    speaker: str
    emotion: str
    start_us: int
    end_us: int
    number: int


def load(path: Path, *, slot_s: float = 10.0, shuffled: int | None = None) -> DataSet:
    """Read the folder; a session is a speaker.

    Each utterance is one sample, whole, with the interval that it lasts. It begins at the next
    multiple of ``slot_s`` after the one before has ended, so that windows of ``slot_s`` seconds
    (longer than any of EMO-DB's sentences) hold one utterance each. A label is true until the slot
    is over: nothing else is said in it. Utterances of other emotions are dropped. A speaker's
    utterances follow each other by file name, or in an order that the seed ``shuffled`` draws.
    """
    if slot_s <= 0:
        raise DataSetError(f"slot_s: expected seconds above 0, got {slot_s}")
    cleaning = Cleaning()
    listed = sorted(_listed(path, cleaning))
    if shuffled is not None:
        listed = [listed[at] for at in np.random.default_rng(shuffled).permutation(len(listed))]
    slot_us = round(slot_s * US_PER_S)
    utterances = _placed(listed, slot_us)
    if not utterances:
        raise nothing_of(
            path, "labels.csv with its FLAC files, or files named as EMO-DB names them"
        )
    ordered = sorted(utterances, key=lambda one: (one.end_us, one.speaker))

    def items() -> Iterator[FeedItem]:
        for one in ordered:
            yield FeedItem(
                f"speaker-{one.speaker}",
                "audio",
                "mic",
                one.start_us,
                one.end_us,
                _TYPES[one.path.suffix.lower()],
                read_bytes(one.path),
                one.number,
                one.end_us,
            )

    return DataSet(
        "emodb",
        items,
        sorted_labels(
            Label(
                f"speaker-{one.speaker}",
                one.start_us,
                _slot_end_us(one.end_us, slot_us),
                "emotion",
                one.emotion,
            )
            for one in utterances
        ),
        {"emotion": EMOTIONS},
        {f"speaker-{one.speaker}": one.speaker for one in utterances},
        "CC0 1.0",
        True,
        "EMO-DB (Burkhardt et al. 2005), 4 of its 7 emotions; no official split: leave one speaker "
        "out",
        cleaned=cleaning.told(),
    )


def _listed(path: Path, cleaning: Cleaning) -> Iterator[tuple[str, Path, str]]:
    """(speaker, file, emotion) of every utterance."""
    table = the_file(path, ["labels.csv"])
    if table is None:
        yield from _named(path, cleaning)
        return
    for row in read_table(table, ["file", "speaker", "emotion"]):
        if row["emotion"] not in EMOTIONS:
            cleaning.dropped(f"emotion {row['emotion'][:20]!r} is none of the four")
            continue
        file = next(
            (f for name in _FOLDERS if (f := table.parent / name / row["file"]).is_file()), None
        )
        if file is None or file.suffix.lower() not in _TYPES:
            raise DataSetError(
                f"{table.parent}: expected {row['file'][:60]!r} as FLAC or WAV beside labels.csv "
                "or in flac/, got no such file; copy the folder anew"
            )
        yield row["speaker"], file, row["emotion"]


def _named(path: Path, cleaning: Cleaning) -> Iterator[tuple[str, Path, str]]:
    folder = next((path / name for name in _FOLDERS if (path / name).is_dir()), None)
    for file in sorted(folder.iterdir()) if folder else ():
        if file.suffix.lower() not in _TYPES:
            continue
        found = _NAME.match(file.stem)
        emotion = _BY_LETTER.get(found[2]) if found else None
        if found is None or emotion is None:
            cleaning.dropped("file whose name tells no emotion of the four")
            continue
        yield found[1], file, emotion


def _placed(listed: Sequence[tuple[str, Path, str]], slot_us: int) -> list[_Utterance]:
    utterances: list[_Utterance] = []
    free_us: dict[str, int] = {}
    numbers: dict[str, int] = {}
    for speaker, file, emotion in listed:
        start_us = free_us.get(speaker, START_US)
        number = numbers.get(speaker, 0)
        end_us = start_us + _duration_us(file)
        utterances.append(_Utterance(file, speaker, emotion, start_us, end_us, number))
        free_us[speaker] = _slot_end_us(end_us, slot_us)
        numbers[speaker] = number + 1
    return utterances


def _slot_end_us(at_us: int, slot_us: int) -> int:
    """The end of the slot that something ended in."""
    return START_US - (START_US - at_us) // slot_us * slot_us


def _duration_us(file: Path) -> int:
    try:
        info = soundfile.info(str(file))
    except soundfile.LibsndfileError as error:
        raise DataSetError(
            f"{file}: expected audio, got {error.error_string.strip()}; copy the file anew"
        ) from None
    return max(1, int(info.frames) * US_PER_S // int(info.samplerate))
