"""Lung ultrasound (POCUS): clips and stills with notes, by patient, in three classes.

Layout: ``metadata.csv`` and the files that it names. Origin: Born et al. 2021.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.units import US_PER_S
from streams.feed.item import FeedItem
from streams.feed.vitals import channel_name
from workers.datasets.base import DataSet, Label
from workers.datasets.files import nothing_of, read_table, the_file
from workers.datasets.making import START_US, Cleaning, moment, sorted_labels, words
from workers.errors import DataSetError

ABOUT = "lung ultrasound clips with notes: healthy, pneumonia or covid, grouped by patient"
CLASSES = ("healthy", "pneumonia", "covid")
_CLASS_OF = {
    "healthy": "healthy",
    "regular": "healthy",
    "bacterial_pneumonia": "pneumonia",
    "viral_pneumonia": "pneumonia",
    "pneumonia": "pneumonia",
    "covid": "covid",
}
FINDINGS = (
    "Effusion",
    "Consolidations",
    "B-lines",
    "A-lines",
    "Pleural line irregularities",
    "Air bronchogram",
)
SYMPTOMS = (
    "Fever",
    "Cough",
    "Respiratory problems",
    "Headache",
    "Loss of smell/taste",
    "Fatigue",
    "Sore throat",
    "Asymptomatic",
)
_NOTES = ("Comments from web site", "Comments first medical doctor (MD1)")
#: Words that say the class or its cause, with their inflexions; what is seen (B-lines,
#: consolidation, effusion) stays.
_DISEASE = re.compile(
    r"\b(?:covid(?:[\s-]*19)?|corona[\s-]*virus\w*|sars[\w-]*|\w*pneumon\w*|influenza\w*|h1n1|"
    r"viral\w*|virus\w*|bacteri\w*|strepto\w*|staphylo\w*|infect\w*|disease\w*|patholog\w*|"
    r"abnormal\w*|normal\w*|healthy|regular|physiolog\w*|pandemic\w*|ards|diagnos\w*)\b",
    re.IGNORECASE,
)
#: What is left of a note such as "normal lung" or "see filename" once it is masked: that, and how
#: it was put, would tell the class.
_GENERAL = re.compile(
    r"(?:an?|the|of|in|on|with|and|or|to|is|are|this|that|it|from|by|for|at|as|be|can|which|there|"
    r"consistent|probably|see|filename|lungs?|chest|ultrasound|images?|video|clip|patient|"
    r"patterns?)",
    re.IGNORECASE,
)
#: No clip of the set is longer; frames after it are not read.
MAX_CLIP_S = 16.0
#: Larger pictures are made smaller, or a sample would be some megabytes.
_MAX_SIDE_PX = 512

Notes = Literal["masked", "given", "none"]


def masked(text: str) -> str:
    """A note in which every word that names a disease, or its absence, is ``[…]``.

    >>> masked("Typical COVID-19 pneumonia with B-lines")
    'Typical […] […] with B-lines'
    """
    return _DISEASE.sub("[…]", text)


def says_something(text: str) -> bool:
    """Whether a masked note has any word that is neither masked nor general.

    >>> [says_something(masked(note)) for note in ("Normal lung", "normal lung, no B-lines")]
    [False, True]
    """
    return any(not _GENERAL.fullmatch(word) for word in re.findall(r"[A-Za-z]+", text))


def load(
    path: Path,
    *,
    fps: float = 1.0,
    notes: Notes = "masked",
    findings: bool = False,
    symptoms: bool = False,
) -> DataSet:
    """Read the folder; a session is one clip or still, its group the patient.

    ``fps``: frames a second that are given, as grey PNG of at most 512 pixels a side. ``notes``:
    with disease words masked (and left out where nothing else is said), as given, or left out.
    ``findings``, ``symptoms``: their 0/1 columns
    as a sample of the input ``findings`` or ``symptoms``; what is unknown is null. All but frames
    come at the start. Labels: ``diagnosis`` over the whole clip.
    """
    if not 0 < fps <= 100:
        raise DataSetError(f"fps: expected 0 to 100 frames a second, got {fps}")
    table = the_file(path, ["metadata.csv"])
    if table is None:
        raise nothing_of(path, "metadata.csv (file, patient, label, …) and its media files")
    cleaning = Cleaning()
    rows = _rows(table, cleaning)
    licences = Counter(row.get("License", "") or "none stated" for row in rows.values())

    def items() -> Iterator[FeedItem]:
        queue: list[FeedItem] = []
        for session, row in rows.items():
            queue += _told(session, row, notes, findings=findings, symptoms=symptoms)
            queue += _frames(session, table.parent / row["file"], fps)
        # A few megabytes of frames: order of time over all clips, which begin together.
        return iter(sorted(queue, key=lambda item: item.due_us))

    return DataSet(
        "pocus",
        items,
        sorted_labels(
            Label(
                session,
                START_US,
                START_US + round(MAX_CLIP_S * US_PER_S),
                "diagnosis",
                _CLASS_OF[row["label"]],
            )
            for session, row in rows.items()
        ),
        {"diagnosis": CLASSES},
        {session: row["patient"] for session, row in rows.items()},
        "per item: " + ", ".join(f"{name} ({count})" for name, count in licences.most_common()),
        False,
        "lung ultrasound of jannisborn/covid19_pocus_ultrasound (Born et al. 2021); no official "
        "split: folds by patient",
        cleaned=cleaning.told(),
    )


def _rows(table: Path, cleaning: Cleaning) -> dict[str, Mapping[str, str]]:
    rows: dict[str, Mapping[str, str]] = {}
    for row in read_table(table, ["file", "patient", "label"]):
        if row["label"] not in _CLASS_OF:
            cleaning.dropped(f"label {row['label'][:20]!r} is none of the classes")
            continue
        if not (table.parent / row["file"]).is_file():
            raise DataSetError(
                f"{table.parent}: expected {row['file'][:80]!r} as metadata.csv says, got no such "
                "file; copy the folder anew"
            )
        if not any(row.get(name) for name in _NOTES):
            cleaning.repaired("clip without a note: only its pictures are given")
        session = re.sub(r"[^A-Za-z0-9.-]+", "-", Path(row["file"]).name)
        rows[session if session not in rows else f"{session}-{len(rows)}"] = row
    if not rows:
        raise nothing_of(table, "rows of the classes " + ", ".join(_CLASS_OF))
    return rows


def _told(
    session: str, row: Mapping[str, str], notes: Notes, *, findings: bool, symptoms: bool
) -> Iterator[FeedItem]:
    text = " ".join(row[name] for name in _NOTES if row.get(name))
    if text and notes != "none":
        said = masked(text) if notes == "masked" else text
        if notes == "given" or says_something(said):
            yield words(session, "notes", "clinician", START_US, said)
    for name, wanted, columns in (
        ("findings", findings, FINDINGS),
        ("symptoms", symptoms, SYMPTOMS),
    ):
        values = {channel_name(column): _flag(row.get(column, "")) for column in columns}
        if wanted and any(value is not None for value in values.values()):
            body = json.dumps(values, separators=(",", ":")).encode()
            yield moment(session, name, f"form.{name}", START_US, "application/json", body)


def _flag(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if value in (0.0, 1.0) else None


def _frames(session: str, file: Path, fps: float) -> Iterator[FeedItem]:
    for number, (at_s, frame) in enumerate(_pictures(file, fps)):
        at_us = START_US + round(at_s * US_PER_S)
        payload = bytes(cv2.imencode(".png", _fit(frame))[1].data)
        yield moment(session, "ultrasound", "probe", at_us, "image/png", payload, number)


def _pictures(file: Path, fps: float) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """(second, grey frame uint8 (height, width)), at most ``fps`` a second."""
    if file.suffix.lower() in {".png", ".jpg", ".jpeg"}:
        still = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        if still is None:
            raise DataSetError(f"{file}: expected an image, got other bytes; copy the file anew")
        yield 0.0, np.asarray(still, np.uint8)
        return
    video = cv2.VideoCapture(str(file))
    try:
        rate = video.get(cv2.CAP_PROP_FPS)
        rate = rate if 0.1 < rate < 1_000 else 25.0
        index = given = 0
        while index / rate < MAX_CLIP_S and video.grab():
            if index / rate >= given / fps:
                got, frame = video.retrieve()
                if got:
                    grey = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
                    yield given / fps, np.asarray(grey, np.uint8)
                    given += 1
            index += 1
    finally:
        video.release()
    if not given:
        raise DataSetError(f"{file}: expected a video, got no frame; copy the file anew")


def _fit(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = _MAX_SIDE_PX / max(frame.shape)
    if scale >= 1:
        return frame
    size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
