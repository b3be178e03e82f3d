"""Calls put together of voices and sentences: who says what when, and what is true then."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.datasets.small import clinc150, emodb, load, table
from workers.datasets.base import DataSet
from workers.datasets.call_real import OUT_OF_SCOPE, SENTIMENT_OF
from workers.datasets.call_speech import Utterance, spoken
from workers.errors import DataSetError

S = 1_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    emodb(tmp_path / "emodb", ("03", "10"))
    bank = tmp_path / "banking77"
    table(bank / "train.csv", [{"text": "My card is GONE!", "category": "lost"}] * 2)
    table(bank / "test.csv", [{"text": "where is my card", "category": "lost"}])
    clinc = tmp_path / "clinc150"
    clinc.mkdir()
    tree = {"train": [["book a table", "book"], ["pay it", "pay_bill"]], "oos_val": [["x", "oos"]]}
    clinc150(clinc, tree)
    domains = {"banking": ["pay_bill"], "credit_cards": [], "travel": ["book"]}
    (clinc / "domains.json").write_text(json.dumps(domains))
    return tmp_path


@pytest.fixture
def data(folder: Path) -> DataSet:
    return load("call_real", folder, arrangements=2)


def test_every_emotion_has_the_sentiment_that_is_stated(data: DataSet) -> None:
    told = {(one.session, one.start_us): one.label for one in data.labels if one.task == "emotion"}
    felt = {
        (one.session, one.start_us): one.label for one in data.labels if one.task == "sentiment"
    }
    assert felt == {where: SENTIMENT_OF[emotion] for where, emotion in told.items()}


def test_what_is_about_banking_in_clinc150_is_left_out(data: DataSet) -> None:
    said = {item.payload.decode() for item in data.items() if item.input == "transcript"}
    assert "book a table" in said
    assert "pay it" not in said


def test_a_speaker_of_the_test_is_never_learnt_from(data: DataSet) -> None:
    splits = {data.groups[s]: split for s, split in data.splits.items() if s.startswith("voice")}
    assert splits == {"03": "train", "10": "test"}


def test_each_step_of_a_heard_call_has_one_intent(data: DataSet) -> None:
    labels = [x for x in data.labels if x.session == "voice-03-0" and x.task == "intent"]
    assert [b.start_us - a.start_us for a, b in itertools.pairwise(labels)] == [3 * S] * (
        len(labels) - 1
    )
    at = {
        item.start_us // (3 * S)
        for item in data.items()
        if item.session == "voice-03-0" and item.input == "transcript"
    }
    assert {x.start_us // (3 * S) for x in labels if x.label != OUT_OF_SCOPE} <= at


def test_every_other_sentence_is_written_as_a_recogniser_would(data: DataSet) -> None:
    texts = {
        item.session: item.payload.decode()
        for item in data.items()
        if item.session.startswith("words")
    }
    assert texts["words-00000"] == "my card is gone"
    assert texts["words-00001"] == "My card is GONE!"


def test_domains_of_another_form_are_refused(folder: Path) -> None:
    (folder / "clinc150" / "domains.json").write_text("[]")
    with pytest.raises(DataSetError, match="expected intents by domain"):
        load("call_real", folder)


def test_a_call_is_one_stream_of_all_utterances() -> None:
    rng = np.random.default_rng(3)
    utterances = [
        Utterance(np.full(8_000 * (1 + n % 3), 0.1, np.float32), emotion)
        for n, emotion in enumerate(["anger", "neutral", "anger", "sadness"] * 2)
    ]
    items, labels = spoken("s", utterances, rng, plain=False)
    assert all(a.end_us == b.start_us for a, b in itertools.pairwise(items))
    assert all(a.end_us == b.start_us for a, b in itertools.pairwise(labels))
    assert abs(items[-1].end_us - labels[-1].end_us) <= 200
    spent = Counter[str]()
    for label in labels:
        spent[label.label] += label.end_us - label.start_us
    for emotion in ("anger", "neutral", "sadness"):
        spoken_us = sum(len(u.signal) for u in utterances if u.emotion == emotion) * S // 16_000
        assert spent[emotion] > spoken_us
