"""Open-i: radiologists' reports of chest X-rays, normal or not.

Layout: ``NLMCXR_reports.tgz`` of XML files, or the folder ``ecgen-radiology`` that it holds.
"""

from __future__ import annotations

import tarfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from schemas.units import US_PER_S
from streams.feed.item import FeedItem
from workers.datasets.base import DataSet, Label
from workers.datasets.files import nothing_of, read_bytes
from workers.datasets.making import START_US, Cleaning, sorted_labels, words
from workers.errors import DataSetError

ABOUT = "reports of chest X-rays: normal or not, by their subject headings"
LABELS = ("normal", "abnormal")
_SECTIONS = ("INDICATION", "FINDINGS", "IMPRESSION")
#: A report has a few kilobytes.
_MAX_REPORT_BYTES = 1_000_000


class _Report(NamedTuple):
    session: str
    sections: dict[str, str]
    normal: bool


def load(path: Path, *, impression: bool = False) -> DataSet:
    """Read the archive or the folder; a session is a report.

    Samples are its indication and findings, each on an input of its own. ``impression``: the
    radiologist's conclusion as well, which mostly says the answer.
    """
    cleaning = Cleaning()
    reports = [
        report
        for name, data in _files(path)
        if (report := _parse(name, data, cleaning)) is not None
    ]
    if not reports:
        raise nothing_of(path, "NLMCXR_reports.tgz or a folder of its XML files")
    given = _SECTIONS if impression else _SECTIONS[:2]

    def items() -> Iterator[FeedItem]:
        for report in reports:
            for name in given:
                if text := report.sections.get(name):
                    yield words(report.session, name.lower(), name.lower(), START_US, text)

    return DataSet(
        "openi_reports",
        items,
        sorted_labels(
            Label(one.session, START_US, START_US + US_PER_S, "report", LABELS[not one.normal])
            for one in reports
        ),
        {"report": LABELS},
        {one.session: one.session for one in reports},
        "CC BY-NC-ND 4.0",
        False,
        "Indiana University chest X-ray collection (Open-i); no official split",
        cleaned=cleaning.told(),
    )


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    archives = [path] if path.is_file() else sorted(path.glob("*.tgz"))
    for archive in archives:
        try:
            with tarfile.open(archive, "r:gz") as held:
                for member in held:
                    if member.isfile() and member.name.endswith(".xml"):
                        content = held.extractfile(member)
                        if content is not None:
                            yield member.name, content.read(_MAX_REPORT_BYTES + 1)
        except (OSError, EOFError, tarfile.TarError) as error:
            raise DataSetError(
                f"{archive}: expected a gzipped archive of XML reports, got "
                f"{type(error).__name__}; copy it anew"
            ) from None
    if not archives and path.is_dir():
        for file in sorted(path.rglob("*.xml")):
            yield file.name, read_bytes(file, _MAX_REPORT_BYTES)


def _parse(name: str, data: bytes, cleaning: Cleaning) -> _Report | None:
    # Entities of a document's own could make a small file a huge one; reports declare none.
    if len(data) > _MAX_REPORT_BYTES or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        cleaning.dropped("report that is too large or declares entities")
        return None
    try:
        tree = ElementTree.fromstring(data)
    except ElementTree.ParseError:
        cleaning.dropped("report that is no XML")
        return None
    sections = {
        str(node.get("Label")): " ".join((node.text or "").split())
        for node in tree.iter("AbstractText")
        if node.text and node.text.strip()
    }
    headings = [(node.text or "").strip().lower() for node in tree.iter("major")]
    if not (sections.get("INDICATION") or sections.get("FINDINGS")):
        cleaning.dropped("report without indication and findings")
        return None
    if not headings:
        cleaning.dropped("report without subject headings")
        return None
    return _Report(f"report-{Path(name).stem}", sections, headings == ["normal"])
