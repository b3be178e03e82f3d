"""The recorded data sets as they are: sizes, splits, and what the importers say of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.datasets.small import load, matching_windows
from workers.datasets.summary import summarise

#: Name, folder, sessions, labelled intervals, sessions of the official split.
FACTS = [
    ("mosi", "calls/mosi", 93, 2199, {"train": 62, "test": 31}),
    ("banking77", "calls/banking77", 13083, 13083, {"train": 10003, "test": 3080}),
    ("clinc150", "calls/clinc150", 18200, 18200, {"train": 15100, "validation": 3100}),
    ("emodb", "calls/emodb", 8, 266, {}),
    ("meld", "calls/meld", 1152, 2 * 11098, {"train": 1038, "validation": 114}),
    (
        "pneumoniamnist",
        "clinical/pneumoniamnist",
        5856,
        5856,
        {"train": 4708, "validation": 524, "test": 624},
    ),
    ("pocus", "clinical/pocus_lung_ultrasound", 115, 115, {}),
    (
        "mts_dialog",
        "clinical/mts_dialog",
        1501,
        1501,
        {"train": 1201, "validation": 100, "test": 200},
    ),
    ("nih_cxr", "clinical/nih_cxr_256", 871, 871, {}),
    ("openi_reports", "clinical/openi_reports", 3919, 3919, {}),
    ("aci_bench", "clinical/aci_bench", 87, 0, {"train": 67, "validation": 20}),
    ("covid_cxr", "clinical/covid_cxr_with_notes", 20, 30, {}),
    ("icu_vitals", "clinical/icu_vitals", 2, 0, {}),
    ("icu_waveforms", "clinical/icu_waveforms", 6, 2273, {}),
]


@pytest.mark.parametrize(
    ("name", "folder", "sessions", "labels", "splits"), FACTS, ids=[fact[0] for fact in FACTS]
)
def test_a_data_set_is_read_whole(
    name: str, folder: str, sessions: int, labels: int, splits: dict[str, int], shared_data: Path
) -> None:
    data = load(name, shared_data / folder)
    assert (len(data.groups), len(data.labels)) == (sessions, labels)
    assert Counter(data.splits.values()) == splits
    assert {label.label for label in data.labels} <= {
        one for labels in data.tasks.values() for one in labels
    }


def test_patients_and_speakers_are_the_groups(shared_data: Path) -> None:
    groups = {
        "pocus": ("clinical/pocus_lung_ultrasound", 79),
        "emodb": ("calls/emodb", 8),
        "covid_cxr": ("clinical/covid_cxr_with_notes", 20),
    }
    found = {
        name: len(set(load(name, shared_data / folder).groups.values()))
        for name, (folder, _) in groups.items()
    }
    assert found == {name: count for name, (_, count) in groups.items()}


@pytest.mark.parametrize(
    ("name", "folder", "items"),
    [("mosi", "calls/mosi", 2199), ("emodb", "calls/emodb", 266)],
)
def test_every_item_to_be_judged_is_one_window(
    name: str, folder: str, items: int, shared_data: Path
) -> None:
    assert matching_windows(name, load(name, shared_data / folder)) == (items, items)


def test_the_summary_of_real_data_tells_majority_and_imbalance(shared_data: Path) -> None:
    summary = summarise(load("emodb", shared_data / "calls" / "emodb"), read=True)
    (task,) = summary.tasks
    assert [(one.label, one.count) for one in task.labels] == [
        ("anger", 100),
        ("neutral", 63),
        ("happiness", 54),
        ("sadness", 49),
    ]
    assert task.imbalance == 2.04
    assert summary.inputs is not None
    assert summary.inputs[0].samples == 266
