"""Chest X-rays of patients with their clinical notes, placed by the days since their illness began.

Layout: ``metadata.csv`` and ``images/``. Origin: Cohen et al. 2020. Too few to train on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from schemas.units import US_PER_S
from streams.errors import FeedError
from streams.feed.item import FeedItem
from streams.feed.still import image_type
from workers.datasets.base import DataSet, Label
from workers.datasets.files import nothing_of, read_bytes, read_table, the_file
from workers.datasets.making import START_US, Cleaning, in_order, moment, sorted_labels, words
from workers.errors import DataSetError

ABOUT = "chest X-rays with clinical notes and vital signs: patients over days; not for training"
DAY_US = 86_400 * US_PER_S
_SIGNS = {"temperature": "temp", "pO2_saturation": "spo2"}


def load(path: Path) -> DataSet:
    """Read the folder; a session is a patient, whose day 0 is the offset 0 of the table.

    An image comes at its day, a second later for each further image of that day, with the note
    and the vital signs that the table has beside it. Where the table has no offset, the patient's
    images stand on day 0. The label ``finding`` holds for the whole day.
    """
    table = the_file(path, ["metadata.csv"])
    if table is None:
        raise nothing_of(path, "metadata.csv (patientid, offset, finding, …) and images/")
    cleaning = Cleaning()
    placed = _placed(table, cleaning)
    if not placed:
        raise nothing_of(path, "rows with a finding and an image in metadata.csv")
    findings = sorted({row["finding"] for *_, row in placed})
    return DataSet(
        "covid_cxr",
        lambda: in_order(item for one in placed for item in _samples(table.parent, *one)),
        sorted_labels(_labels(placed)),
        {"finding": tuple(findings)},
        {session: session for session, *_ in placed},
        "per item: " + ", ".join(sorted({row.get("license", "") for *_, row in placed})),
        False,
        "covid-chestxray-dataset (Cohen et al. 2020), a part of it; no official split",
        cleaned=cleaning.told(),
    )


def _placed(table: Path, cleaning: Cleaning) -> list[tuple[str, int, int, Mapping[str, str]]]:
    """(session, day, number within the day, row)."""
    placed: list[tuple[str, int, int, Mapping[str, str]]] = []
    on_day: dict[tuple[str, int], int] = {}
    for row in read_table(table, ["patientid", "offset", "finding", "clinical_notes", "file"]):
        if not row["finding"] or not (table.parent / row["file"]).is_file():
            cleaning.dropped("row without a finding or without its image")
            continue
        offset = _number(row["offset"])
        if offset is None:
            cleaning.repaired("image without an offset in days: placed on day 0")
        elif offset < 0:
            cleaning.dropped("image from before the illness began")
            continue
        session, day = f"patient-{row['patientid']}", math.floor(offset or 0)
        number = on_day.get((session, day), 0)
        on_day[session, day] = number + 1
        placed.append((session, day, number, row))
    return placed


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _samples(
    folder: Path, session: str, day: int, number: int, row: Mapping[str, str]
) -> Iterator[FeedItem]:
    at_us = START_US + day * DAY_US + number * US_PER_S
    file = folder / row["file"]
    payload = read_bytes(file)
    try:
        content_type = image_type(file, payload)
    except FeedError as error:
        raise DataSetError(str(error)) from None
    yield moment(session, "imaging", "xray", at_us, content_type, payload, number)
    if number == 0 and row["clinical_notes"]:
        yield words(session, "notes", "clinician", at_us, row["clinical_notes"])
    signs = {name: _number(row.get(column, "")) for column, name in _SIGNS.items()}
    if any(value is not None for value in signs.values()):
        body = json.dumps(signs, separators=(",", ":")).encode()
        yield moment(session, "vitals", "monitor", at_us, "application/json", body, number)


def _labels(placed: list[tuple[str, int, int, Mapping[str, str]]]) -> Iterator[Label]:
    for session, day, number, row in placed:
        if number == 0:
            start_us = START_US + day * DAY_US
            yield Label(session, start_us, start_us + DAY_US, "finding", row["finding"])
