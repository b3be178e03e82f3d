"""MTS-Dialog: parts of visits at a doctor's, and the section of the note that they become.

Layout: ``MTS-Dialog-TrainingSet.csv``, ``…ValidationSet.csv``, ``…TestSet-*.csv``; any may be
missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from schemas.units import US_PER_S
from streams.feed.item import FeedItem
from workers.datasets.base import DataSet, Label, Split
from workers.datasets.files import nothing_of, read_table
from workers.datasets.making import START_US, Cleaning, in_order, sorted_labels
from workers.datasets.turns import Turn, play_turns, turns

ABOUT = "doctor-patient conversations: which of 20 sections of the note they belong to"
_FILES: tuple[tuple[str, Split], ...] = (
    ("*TrainingSet*.csv", "train"),
    ("*ValidationSet*.csv", "validation"),
    ("*Test*.csv", "test"),
)
#: The pipeline's window: more turns than any conversation of the set has.
VISIT_S = 600


def load(path: Path) -> DataSet:
    """Read the folder, or one of its files; a session is a conversation, a turn a second."""
    cleaning = Cleaning()
    visits: dict[str, list[Turn]] = {}
    splits: dict[str, Split] = {}
    headers: dict[str, str] = {}
    for pattern, split in _FILES:
        files = [path] if path.is_file() and path.match(pattern) else sorted(path.glob(pattern))
        for file in files:
            for row in read_table(file, ["ID", "section_header", "dialogue"]):
                said = turns(row["dialogue"])
                if not said or not row["section_header"]:
                    cleaning.dropped("conversation without a turn or without a section")
                    continue
                if any(not turn.speaker for turn in said):
                    cleaning.repaired("conversation with a turn of nobody, kept without a speaker")
                if len(said) > VISIT_S:
                    cleaning.repaired(f"conversation of more than {VISIT_S} turns, cut there")
                session = f"{file.stem}-{row['ID']}"
                visits[session] = said[:VISIT_S]
                splits[session] = split
                headers[session] = row["section_header"]
    if not visits:
        raise nothing_of(path, "MTS-Dialog-TrainingSet.csv, …ValidationSet.csv or …TestSet-1….csv")

    def items() -> Iterator[FeedItem]:
        return in_order(
            item for session, said in visits.items() for item in play_turns(session, said)
        )

    return DataSet(
        "mts_dialog",
        items,
        sorted_labels(
            Label(session, START_US, START_US + VISIT_S * US_PER_S, "section", header)
            for session, header in headers.items()
        ),
        {"section": tuple(sorted(set(headers.values())))},
        {session: session for session in visits},
        "CC BY 4.0",
        True,
        "MTS-Dialog (Ben Abacha et al. 2023) with its training, validation and test files",
        splits,
        cleaning.told(),
    )
