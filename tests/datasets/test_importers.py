"""Importers on small folders of their layouts: samples, labels, groups, splits, what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.datasets.small import (
    clinc150,
    emodb,
    load,
    matching_windows,
    mosi,
    pneumoniamnist,
    pocus,
    table,
)
from workers.datasets.catalog import names, pipeline
from workers.datasets.clinc150 import OUT_OF_SCOPE
from workers.datasets.making import START_US, second
from workers.errors import DataSetError


def test_mosi_plays_an_utterance_a_second_in_the_order_of_its_segments(tmp_path: Path) -> None:
    data = load("mosi", mosi(tmp_path))
    text = [item for item in data.items() if item.input == "text"]
    assert [(item.session, item.start_us) for item in text] == [
        ("a", second(0)),
        ("b", second(0)),
        ("a", second(1)),
    ]
    # Row 1 of the features is segment 1, and row 0 segment 2.
    assert [np.frombuffer(item.payload, "<f4").tolist() for item in text] == [
        [2, 3],
        [4, 5],
        [0, 1],
    ]
    assert [label.label for label in data.labels] == ["negative", "positive", "positive"]
    assert data.splits == {"a": "train", "b": "test"}


def test_mosi_gives_transcripts_only_where_asked(tmp_path: Path) -> None:
    mosi(tmp_path)
    plain, worded = load("mosi", tmp_path), load("mosi", tmp_path, transcripts="true")
    assert {item.input for item in plain.items()} == {"text", "audio", "video"}
    said = [item.payload for item in worded.items() if item.input == "transcript"]
    assert said == [b"BAD", b"GOOD"]


def test_mosi_takes_a_part_of_the_split_alone(tmp_path: Path) -> None:
    table(
        tmp_path / "utterances.csv",
        [{"video_id": "z", "segment": 1, "split": "test", "label": 0, "text": "NO"}],
    )
    np.savez(tmp_path / "features.npz", **{k: np.zeros((1, 2)) for k in ("text", "audio", "video")})
    assert load("mosi", tmp_path).splits == {"z": "test"}


def test_mosi_wants_features_of_every_row(tmp_path: Path) -> None:
    mosi(tmp_path)
    np.savez(tmp_path / "features.npz", **{k: np.zeros((2, 2)) for k in ("text", "audio", "video")})
    with pytest.raises(DataSetError, match=r"expected text of 3 rows of finite values, got shape"):
        load("mosi", tmp_path)


def test_a_file_of_any_name_is_a_test_set_of_banking77(tmp_path: Path) -> None:
    table(tmp_path / "kept.csv", [{"text": "Where is it?", "category": "card_arrival"}])
    for path in (tmp_path / "kept.csv", tmp_path):
        assert set(load("banking77", path).splits.values()) == {"test"}


def test_sentences_of_several_files_of_banking77_are_kept_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        table(tmp_path / f"{name}.csv", [{"text": f"Where is {name}?", "category": "card_arrival"}])
    data = load("banking77", tmp_path)
    assert len({item.session for item in data.items()}) == 2


def test_json_of_any_name_in_a_folder_is_read_as_clinc150(tmp_path: Path) -> None:
    (tmp_path / "kept.json").write_text(json.dumps({"test": [["Hello.", "greeting"]]}))
    (tmp_path / "domains.json").write_text(json.dumps({"small_talk": ["greeting"]}))
    data = load("clinc150", tmp_path)
    assert {item.payload for item in data.items()} == {b"Hello."}


def test_banking77_keeps_the_official_files_apart(tmp_path: Path) -> None:
    table(tmp_path / "train.csv", [{"text": "my  card\nis late", "category": "card"}])
    table(tmp_path / "test.csv", [{"text": "top up", "category": "top"}])
    data = load("banking77", tmp_path)
    assert [item.payload for item in data.items()] == [b"my card is late", b"top up"]
    assert sorted(data.splits.values()) == ["test", "train"]
    assert data.tasks == {"intent": ("card", "top")}
    assert [(one.what, one.number) for one in data.cleaned] == [("repaired", 1)]


def test_banking77_knows_its_categories_from_the_list(tmp_path: Path) -> None:
    table(tmp_path / "test.csv", [{"text": "top up", "category": "top"}])
    (tmp_path / "categories.json").write_text('["top", "card"]')
    assert load("banking77", tmp_path).tasks == {"intent": ("top", "card")}
    (tmp_path / "categories.json").write_text('["card"]')
    with pytest.raises(DataSetError, match="got none of 'top'"):
        load("banking77", tmp_path)


def test_clinc150_puts_out_of_scope_last(tmp_path: Path) -> None:
    data = load("clinc150", clinc150(tmp_path))
    assert data.tasks == {"intent": ("balance", "pay_bill", OUT_OF_SCOPE)}
    assert data.splits["oos_val-00001"] == "validation"


def test_clinc150_reads_a_test_part_from_a_file_of_any_name(tmp_path: Path) -> None:
    path = clinc150(tmp_path, {"test": [["hi", "greet"]], "oos_test": [["who", "other"]]})
    other = path.rename(tmp_path / "kept.json")
    data = load("clinc150", other)
    assert set(data.splits.values()) == {"test"}
    assert [label.label for label in data.labels] == [OUT_OF_SCOPE, "greet"]


def test_emodb_gives_each_utterance_a_slot(tmp_path: Path) -> None:
    data = load("emodb", emodb(tmp_path))
    spans = [
        (item.session, item.start_us - START_US, item.end_us - START_US) for item in data.items()
    ]
    assert spans == [
        ("speaker-03", 0, 500_000),
        ("speaker-08", 0, 500_000),
        ("speaker-03", 10_000_000, 10_500_000),
        ("speaker-08", 10_000_000, 10_500_000),
    ]
    assert data.groups == {"speaker-03": "03", "speaker-08": "08"}
    assert [(one.what, one.number) for one in data.cleaned] == [("dropped", 2)]
    assert matching_windows("emodb", data) == (4, 4)


def test_emodb_labels_hold_until_the_slot_is_over(tmp_path: Path) -> None:
    data = load("emodb", emodb(tmp_path, ("03",)))
    spans = [(label.start_us - START_US, label.end_us - START_US) for label in data.labels]
    assert spans == [(0, 10_000_000), (10_000_000, 20_000_000)]


def test_emodb_in_another_order_has_the_same_utterances(tmp_path: Path) -> None:
    folder = emodb(tmp_path, ("03", "08", "09", "10"))
    plain, other = load("emodb", folder), load("emodb", folder, shuffled=1)
    assert [label[1:] for label in plain.labels] != [label[1:] for label in other.labels]
    counted = [sorted((one.session, one.label) for one in data.labels) for data in (plain, other)]
    assert counted[0] == counted[1]


def test_emodb_reads_speaker_and_emotion_from_file_names(tmp_path: Path) -> None:
    emodb(tmp_path)
    (tmp_path / "labels.csv").unlink()
    data = load("emodb", tmp_path)
    assert [label.label for label in data.labels] == ["anger", "neutral", "anger", "neutral"]


def test_emodb_misses_a_file_that_is_listed(tmp_path: Path) -> None:
    emodb(tmp_path)
    (tmp_path / "flac" / "03a01Wa.flac").unlink()
    with pytest.raises(DataSetError, match=r"expected '03a01Wa\.flac' as FLAC or WAV"):
        load("emodb", tmp_path)


def test_pneumoniamnist_images_are_lossless(tmp_path: Path) -> None:
    data = load("pneumoniamnist", pneumoniamnist(tmp_path, ("test",)))
    first = next(iter(data.items()))
    image = cv2.imdecode(np.frombuffer(first.payload, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(image, np.arange(28 * 28).reshape(28, 28).astype(np.uint8))
    assert set(data.splits.values()) == {"test"}


def test_pneumoniamnist_keeps_the_official_split(tmp_path: Path) -> None:
    data = load("pneumoniamnist", pneumoniamnist(tmp_path))
    assert sorted(set(data.splits.values())) == ["test", "train", "validation"]
    assert matching_windows("pneumoniamnist", data) == (6, 6)


def test_pocus_frames_come_at_the_stated_rate(tmp_path: Path) -> None:
    data = load("pocus", pocus(tmp_path), fps="2", notes="none")
    times = [(item.session, item.start_us - START_US) for item in data.items()]
    clip = [time for session, time in times if session == "c.avi"]
    assert clip == [0, 500_000, 1_000_000, 1_500_000, 2_000_000, 2_500_000]
    assert [time for session, time in times if session == "s.png"] == [0]
    assert matching_windows("pocus", data) == (2, 2)


def test_pocus_large_pictures_are_made_smaller(tmp_path: Path) -> None:
    data = load("pocus", pocus(tmp_path), notes="none")
    (still,) = [item for item in data.items() if item.session == "s.png"]
    image = cv2.imdecode(np.frombuffer(still.payload, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image.shape == (256, 512)


@pytest.mark.parametrize(
    ("notes", "said"),
    [("masked", ["[…] with B-lines"]), ("given", ["COVID-19 with B-lines"]), ("none", [])],
)
def test_pocus_notes_are_masked_given_or_left_out(
    tmp_path: Path, notes: str, said: list[str]
) -> None:
    data = load("pocus", pocus(tmp_path), notes=notes)
    assert [item.payload.decode() for item in data.items() if item.input == "notes"] == said


def test_pocus_forms_say_what_is_unknown(tmp_path: Path) -> None:
    data = load("pocus", pocus(tmp_path), findings="yes", symptoms="yes")
    forms = {
        item.input: json.loads(item.payload)
        for item in data.items()
        if item.session == "c.avi" and item.content_type == "application/json"
    }
    assert forms["findings"]["effusion"] == 1.0
    assert (forms["symptoms"]["fever"], forms["symptoms"]["cough"]) == (None, 0.0)


def test_pocus_is_grouped_by_patient_and_shipped_by_nobody(tmp_path: Path) -> None:
    data = load("pocus", pocus(tmp_path))
    assert set(data.groups.values()) == {"P1"}
    assert [label.label for label in data.labels] == ["covid", "pneumonia"]
    assert not data.redistributable


@pytest.mark.parametrize(
    "name",
    [
        "mosi",
        "banking77",
        "clinc150",
        "emodb",
        "pneumoniamnist",
        "pocus",
        "meld",
        "mts_dialog",
        "aci_bench",
        "nih_cxr",
        "openi_reports",
        "covid_cxr",
        "icu_vitals",
        "icu_waveforms",
    ],
)
@pytest.mark.parametrize("there", [True, False])
def test_a_folder_without_the_data_set_is_one_line(name: str, there: bool, tmp_path: Path) -> None:
    path = tmp_path if there else tmp_path / "gone"
    got = "none of these" if there else "no such file or folder"
    with pytest.raises(DataSetError, match=rf"expected .*, got {got}; check --data$"):
        load(name, path)


def test_an_unknown_option_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="expected options fps, notes, findings, symptoms, got"):
        load("pocus", pocus(tmp_path), frames=3)


def test_a_wrong_value_of_an_option_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match=r"pocus: option notes: Input should be 'masked'"):
        load("pocus", pocus(tmp_path), notes="all")


def test_an_option_that_takes_several_is_given_them_with_commas(shared_data: Path) -> None:
    path = shared_data / "vehicle" / "kitti_tracking"
    assert set(load("kitti_tracking", path, sequences="0012,0000").groups) == {"0012", "0000"}


def test_every_data_set_has_a_pipeline_with_the_inputs_it_is_for() -> None:
    assert {name for name in names() if not pipeline(name).inputs} == set()


@pytest.fixture
def damaged(tmp_path: Path) -> Callable[[str, bytes], Path]:
    def write(name: str, content: bytes) -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("name", "file", "content", "said"),
    [
        ("banking77", "train.csv", b"text,label\na,b\n", "expected columns text, category"),
        ("banking77", "train.csv", b"text,category\n", "expected rows, got none"),
        ("banking77", "train.csv", b"text,category\na,b,c\n", "expected 2 cells, got more"),
        ("banking77", "train.csv", b"text,category\n\xff,b\n", "expected UTF-8 text"),
        ("clinc150", "data_full.json", b'{"train": [["a"]]}', r"expected pairs \[text, intent\]"),
        ("clinc150", "data_full.json", b"{", "expected JSON, got other text"),
        ("pneumoniamnist", "pneumoniamnist.npz", b"PK\x03\x04", "expected an .npz file of arrays"),
        ("openi_reports", "r.tgz", b"no archive", "expected a gzipped archive of XML reports"),
    ],
)
def test_a_damaged_file_is_one_line(
    damaged: Callable[[str, bytes], Path], name: str, file: str, content: bytes, said: str
) -> None:
    with pytest.raises(DataSetError, match=said):
        load(name, damaged(file, content))
