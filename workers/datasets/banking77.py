"""BANKING77: what a bank's customers write, 77 intents.

Layout: ``train.csv`` and ``test.csv`` (text, category), either may be missing, and
``categories.json``.
"""

from __future__ import annotations

from pathlib import Path

from workers.datasets.base import DataSet, Split
from workers.datasets.files import nothing_of, read_json, read_table, the_file
from workers.datasets.making import Cleaning
from workers.datasets.sentences import Sentence, sentence_data_set
from workers.errors import DataSetError

ABOUT = "77 intents of a bank's customers, from one sentence"
_FILES: tuple[tuple[str, Split], ...] = (("train.csv", "train"), ("test.csv", "test"))


def load(path: Path) -> DataSet:
    """Read the folder, or one CSV file alone: of another name it is a test set. Labels that
    ``categories.json`` does not list are a ``DataSetError``; without that file, the labels are
    those found, sorted.
    """
    sentences: list[Sentence] = []
    cleaning = Cleaning()
    files = _files_at(path)
    several = len({split for _, split in files}) < len(files)
    for file, split in files:
        prefix = f"{split}-{file.stem}" if several else split
        for number, row in enumerate(read_table(file, ["text", "category"]), start=1):
            text = " ".join(row["text"].split())
            if not text or not row["category"]:
                cleaning.dropped("sentence without words or without a category")
                continue
            if text != row["text"]:
                cleaning.repaired("line breaks and double spaces inside a sentence")
            sentences.append(Sentence(f"{prefix}-{number:05d}", split, text, row["category"]))
    if not sentences:
        raise nothing_of(path, "train.csv or test.csv (text, category)")
    return sentence_data_set(
        "banking77",
        sentences,
        _categories(path, sentences),
        licence="CC BY 4.0",
        origin="BANKING77 (Casanueva et al. 2020) with its train and test files, from "
        "PolyAI-LDN/task-specific-datasets",
        cleaned=cleaning.told(),
    )


def _files_at(path: Path) -> list[tuple[Path, Split]]:
    named = [(file, split) for name, split in _FILES if (file := the_file(path, [name]))]
    if named:
        return named
    return [(file, "test") for file in ([path] if path.is_file() else sorted(path.glob("*.csv")))]


def _categories(path: Path, sentences: list[Sentence]) -> list[str]:
    found = {one.label for one in sentences}
    listed = the_file(path, ["categories.json"])
    if listed is None:
        return sorted(found)
    names = read_json(listed)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataSetError(f"{listed}: expected a list of names, got another form; copy it anew")
    if unknown := sorted(found - set(names)):
        raise DataSetError(
            f"{listed}: expected every category of the sentences, got none of {unknown[0][:40]!r} "
            f"and {len(unknown) - 1} more; copy the folder anew"
        )
    return names
