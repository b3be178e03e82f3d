"""Dialogues, reports and patients over days: times that are put right, what is left out."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.datasets.small import load, matching_windows, table
from workers.datasets.covid_cxr import DAY_US
from workers.datasets.making import START_US


def meld(folder: Path, *times: tuple[str, str], name: str = "dev_sent_emo.csv") -> Path:
    """One dialogue of utterances with these starts and ends."""
    rows: list[dict[str, Any]] = [
        {
            "Utterance": f"line {number}",
            "Speaker": "Ross",
            "Emotion": "joy",
            "Sentiment": "positive",
            "Dialogue_ID": 7,
            "Utterance_ID": number,
            "StartTime": start,
            "EndTime": end,
        }
        for number, (start, end) in enumerate(times)
    ]
    table(folder / name, rows)
    return folder


def starts_ms(folder: Path) -> list[int]:
    data = load("meld", folder)
    return [(item.start_us - START_US) // 1_000 for item in data.items()]


def test_meld_begins_when_its_dialogue_does(tmp_path: Path) -> None:
    meld(tmp_path, ("0:10:01,500", "0:10:02,000"), ("0:10:03,000", "0:10:04,000"))
    assert starts_ms(tmp_path) == [0, 1500]
    assert matching_windows("meld", load("meld", tmp_path)) == (2, 2)


def test_meld_moves_what_begins_before_the_line_before_it(tmp_path: Path) -> None:
    meld(tmp_path, ("0:00:05", "0:00:07"), ("0:00:04", "0:00:08"))
    assert starts_ms(tmp_path) == [0, 100]
    data = load("meld", tmp_path)
    assert {one.why.partition(",")[0] for one in data.cleaned} == {
        "utterance that begins no later than the one before it",
        "label that reaches into the next utterance",
    }


def test_meld_cuts_a_pause_of_minutes(tmp_path: Path) -> None:
    meld(tmp_path, ("0:00:00", "0:00:01"), ("0:09:00", "0:09:01"))
    assert starts_ms(tmp_path) == [0, 2000]


def test_meld_labels_of_one_task_do_not_overlap(tmp_path: Path) -> None:
    meld(tmp_path, ("0:00:00", "0:00:05"), ("0:00:02", "0:00:03"))
    first, second = [one for one in load("meld", tmp_path).labels if one.task == "emotion"]
    assert first.end_us == second.start_us == START_US + 2_000_000


def test_mts_dialog_plays_a_turn_a_second_with_its_speaker(tmp_path: Path) -> None:
    table(
        tmp_path / "MTS-Dialog-TrainingSet.csv",
        [
            {
                "ID": 0,
                "section_header": "CC",
                "dialogue": "Doctor: Any pain?\nGuest_family: No.\nNone.",
            },
            {"ID": 1, "section_header": "CC", "dialogue": ""},
        ],
    )
    data = load("mts_dialog", tmp_path)
    said = [(item.start_us - START_US, item.payload.decode()) for item in data.items()]
    assert said == [
        (0, '{"text":"Any pain?","speaker":"doctor"}'),
        (1_000_000, '{"text":"No. None.","speaker":"guest_family"}'),
    ]
    assert [(one.what, one.number) for one in data.cleaned] == [("dropped", 1)]
    assert matching_windows("mts_dialog", data) == (1, 1)


def report(sections: dict[str, str], *headings: str) -> bytes:
    parts = "".join(
        f'<AbstractText Label="{name}">{text}</AbstractText>' for name, text in sections.items()
    )
    majors = "".join(f"<major>{one}</major>" for one in headings)
    return f"<eCitation>{parts}<MeSH>{majors}</MeSH></eCitation>".encode()


def test_openi_leaves_the_conclusion_out_unless_asked_for(tmp_path: Path) -> None:
    sections = {"INDICATION": "cough", "FINDINGS": "clear", "IMPRESSION": "normal chest"}
    with tarfile.open(tmp_path / "NLMCXR_reports.tgz", "w:gz") as archive:
        for name, body in (
            ("1.xml", report(sections, "normal")),
            ("2.xml", report(sections, "Opacity/lung")),
            ("3.xml", b"<broken"),
            ("4.xml", b"<!DOCTYPE x><x/>"),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    data = load("openi_reports", tmp_path)
    assert {item.input for item in data.items()} == {"indication", "findings"}
    assert [label.label for label in data.labels] == ["normal", "abnormal"]
    assert sum(one.number for one in data.cleaned) == 2
    asked = load("openi_reports", tmp_path, impression=True)
    assert "impression" in {item.input for item in asked.items()}


def test_covid_cxr_is_a_patient_over_days(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "x.jpg"), np.zeros((8, 8, 3), np.uint8))
    row = {"patientid": 5, "finding": "COVID-19", "file": "images/x.jpg", "license": "CC BY-SA"}
    table(
        tmp_path / "metadata.csv",
        [
            {**row, "offset": "3.0", "clinical_notes": "worse", "temperature": "38.5"},
            {**row, "offset": "0", "clinical_notes": "first", "temperature": ""},
            {**row, "offset": "-1", "clinical_notes": "", "temperature": ""},
        ],
    )
    data = load("covid_cxr", tmp_path)
    told = [((item.start_us - START_US) // DAY_US, item.input) for item in data.items()]
    assert told == [(0, "imaging"), (0, "notes"), (3, "imaging"), (3, "notes"), (3, "vitals")]
    assert [(one.what, one.why) for one in data.cleaned] == [
        ("dropped", "image from before the illness began")
    ]
    assert matching_windows("covid_cxr", data) == (2, 2)


def test_nih_cxr_is_grouped_by_patient(tmp_path: Path) -> None:
    for name in ("no_finding/001_000.jpg", "pneumonia/001_002.jpg", "pneumonia/009_000.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 8), np.uint8))
    data = load("nih_cxr", tmp_path)
    assert data.groups == {"001_000": "001", "001_002": "001", "009_000": "009"}
    assert matching_windows("nih_cxr", data) == (3, 3)
