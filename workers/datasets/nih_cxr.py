"""NIH ChestX-ray14, a part of it: frontal X-rays with pneumonia, or with no finding.

Layout: folders ``no_finding/`` and ``pneumonia/`` of ``{patient}_{follow-up}.jpg`` (or .png); one
of them may be missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from schemas.units import US_PER_S
from streams.errors import FeedError
from streams.feed.item import FeedItem
from streams.feed.still import IMAGE_SUFFIXES, image_type
from workers.datasets.base import DataSet, Label
from workers.datasets.files import nothing_of, read_bytes
from workers.datasets.making import START_US, moment, sorted_labels
from workers.errors import DataSetError

ABOUT = "adults' chest X-rays: no finding or pneumonia (text-mined labels), grouped by patient"
FINDINGS = ("no_finding", "pneumonia")


def load(path: Path) -> DataSet:
    """Read the folder; a session is one image, its group the patient."""
    listed = [
        (file.stem, finding, file)
        for finding in FINDINGS
        for file in sorted((path / finding).glob("*"))
        if file.suffix.lower() in IMAGE_SUFFIXES
    ]
    if not listed:
        raise nothing_of(path, "folders no_finding/ and pneumonia/ of images")
    if len({session for session, *_ in listed}) < len(listed):
        raise DataSetError(f"{path}: expected each image in one folder, got one in both")

    def items() -> Iterator[FeedItem]:
        for session, _, file in listed:
            payload = read_bytes(file)
            try:
                content_type = image_type(file, payload)
            except FeedError as error:
                raise DataSetError(str(error)) from None
            yield moment(session, "imaging", "xray", START_US, content_type, payload)

    return DataSet(
        "nih_cxr",
        items,
        sorted_labels(
            Label(session, START_US, START_US + US_PER_S, "finding", finding)
            for session, finding, _ in listed
        ),
        {"finding": FINDINGS},
        {session: session.partition("_")[0] for session, *_ in listed},
        "public, no restriction on use; acknowledge the NIH Clinical Center",
        True,
        "NIH ChestX-ray14 (Wang et al. 2017), a part of it; no official split: split by patient",
    )
