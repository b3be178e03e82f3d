"""ACI-Bench: whole visits at a doctor's as conversations, with the note that was written.

Layout: ``train.csv``, ``valid.csv`` and further files (dataset, encounter_id, dialogue, note); any
may be missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from streams.feed.item import FeedItem
from workers.datasets.base import DataSet, Split
from workers.datasets.files import nothing_of, read_table, the_file
from workers.datasets.making import Cleaning, in_order, second, words
from workers.datasets.turns import Turn, play_turns, turns

ABOUT = "whole visits at a doctor's as conversations, with their notes; no labels"
_FILES: tuple[tuple[str, Split], ...] = (
    ("train.csv", "train"),
    ("valid.csv", "validation"),
    ("test.csv", "test"),
)


def load(path: Path) -> DataSet:
    """Read the folder, or one of its files; a session is a visit, a turn a second, then the note.

    There is nothing to classify: ``tasks`` is empty.
    """
    cleaning = Cleaning()
    visits: dict[str, tuple[list[Turn], str]] = {}
    splits: dict[str, Split] = {}
    for name, split in _FILES:
        file = the_file(path, [name])
        if file is None:
            continue
        for row in read_table(file, ["encounter_id", "dialogue", "note"]):
            said = turns(row["dialogue"])
            if not said:
                cleaning.dropped("visit without a turn")
                continue
            visits[row["encounter_id"]] = said, row["note"]
            splits[row["encounter_id"]] = split
    if not visits:
        raise nothing_of(path, "train.csv or valid.csv (encounter_id, dialogue, note)")

    def played() -> Iterator[FeedItem]:
        for session, (said, note) in visits.items():
            yield from play_turns(session, said)
            if note:
                yield words(session, "notes", "clinician", second(len(said)), note)

    return DataSet(
        "aci_bench",
        lambda: in_order(played()),
        (),
        {},
        {session: session for session in visits},
        "CC BY 4.0",
        True,
        "ACI-Bench (Yim et al. 2023) with its train and validation files, from wyim/aci-bench",
        splits,
        cleaning.told(),
    )
