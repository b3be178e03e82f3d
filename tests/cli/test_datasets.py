"""`datasets`, and `feed` and `align` of a data set."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from streams.stack import Stack
from streams.topics import ensure_topics, plan_topics
from tests.cli.conftest import Sensorium
from tests.datasets.small import emodb, mosi
from workers.cli.failures import FAILED, WRONG_USAGE
from workers.datasets.catalog import names, pipeline
from workers.datasets.label_file import read_labels
from workers.offline import read_windows


def test_list_names_every_data_set_with_its_inputs(sensorium: Sensorium) -> None:
    rows = [json.loads(line) for line in sensorium("datasets", "list", "--json").out.splitlines()]
    assert [row["name"] for row in rows] == list(names())
    assert {row["name"]: row["inputs"] for row in rows}["emodb"] == {"audio": "audio"}


def test_show_tells_labels_licence_and_what_was_dropped(
    sensorium: Sensorium, tmp_path: Path
) -> None:
    done = sensorium("datasets", "show", "emodb", "--data", str(emodb(tmp_path)))
    assert done.status == 0
    assert "licence: CC0 1.0; weights trained on it may be shipped" in done.out
    assert "anger" in done.out
    assert "dropped 2: emotion 'boredom' is none of the four" in done.out


def test_show_writes_labels_that_label_reads(sensorium: Sensorium, tmp_path: Path) -> None:
    data, csv, windows = str(mosi(tmp_path)), tmp_path / "l.csv", tmp_path / "w"
    shown = sensorium("datasets", "show", "mosi", "--data", data, "--labels", str(csv), "--json")
    assert (json.loads(shown.out)["sessions"], len(read_labels(csv))) == (2, 3)
    arguments = ["--dataset", "mosi", "--data", data, "--out", str(windows)]
    assert sensorium("align", *arguments).status == 0
    out = tmp_path / "given.csv"
    done = sensorium(
        "datasets", "label", str(windows), "--labels", str(csv), "--out", str(out), "--json"
    )
    report = json.loads(done.out)["report"]
    assert (report["windows"], report["unused"], report["overlaps"]) == (3, 0, 0)
    assert report["tasks"][0]["unlabelled"] == 0
    assert read_labels(out) == read_labels(csv)


def test_a_part_of_the_split_is_aligned_alone(sensorium: Sensorium, tmp_path: Path) -> None:
    arguments = ["--dataset", "mosi", "--data", str(mosi(tmp_path)), "--out", str(tmp_path / "w")]
    assert sensorium("align", *arguments, "--split", "test", "--json").status == 0
    assert {window.session for window in read_windows(tmp_path / "w")} == {"b"}


def test_people_are_told_what_became_of_labels(sensorium: Sensorium, tmp_path: Path) -> None:
    arguments = ["--dataset", "mosi", "--data", str(mosi(tmp_path)), "--out", str(tmp_path / "w")]
    assert sensorium("align", *arguments).status == 0
    labels = tmp_path / "l.csv"
    labels.write_text(
        "session,start,end,task,label\n"
        "a,2000-01-01T00:00:00Z,2000-01-01T00:00:00.8Z,mood,good\n"
        "a,2000-01-01T00:00:00.7Z,2000-01-01T00:00:00.9Z,mood,bad\n"
        "z,2000-01-01T00:00:00Z,2000-01-01T00:00:01Z,mood,good\n"
    )
    done = sensorium("datasets", "label", str(tmp_path / "w"), "--labels", str(labels))
    assert "mood: 2 windows without a label, 1 with labels of several names" in done.out
    assert "1 labels that reach no window" in done.out
    assert "1 overlaps of different labels" in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("datasets", "show", "mosey", "--data", "."), "data set: expected one of mosi, banking77"),
        (("feed", "--dataset", "mosi"), "--data: expected the folder of the data set, got none"),
        (("feed", "--dataset", "mosi", "a.wav"), "--dataset: expected it or files, got both"),
        (("feed", "a.wav"), "--pipeline: expected a pipeline for these files, got none"),
        (("feed", "-p", "call"), "expected at least one SOURCE or a --dataset, got none"),
        (("feed", "-p", "call", "a.wav", "--split", "test"), "--split: expected --dataset beside"),
        (
            ("feed", "--dataset", "mosi", "--data", ".", "--sessions", "2"),
            "--sessions, --apart: a data set has its own sessions",
        ),
        (
            ("feed", "--dataset", "mosi", "--data", ".", "--with", "transcripts"),
            "--with: expected KEY=VALUE, got 'transcripts'",
        ),
        (("datasets", "label", "w"), "expected --labels or --topic, got none"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], said: str, sensorium: Sensorium) -> None:
    done = sensorium(*arguments)
    assert done.status == WRONG_USAGE
    assert said in done.complaint


def test_a_folder_without_the_data_set_fails(sensorium: Sensorium, tmp_path: Path) -> None:
    done = sensorium("datasets", "show", "emodb", "--data", str(tmp_path))
    assert done.status == FAILED
    assert "expected labels.csv with its FLAC files" in done.complaint


@pytest.mark.integration
def test_a_data_set_is_fed_into_its_topics(
    sensorium: Sensorium, on_stack: Stack, tmp_path: Path
) -> None:
    from schemas.settings import load_settings

    kafka = load_settings(None).kafka
    ensure_topics(kafka, plan_topics(pipeline("mosi")))
    arguments = ["--dataset", "mosi", "--data", str(mosi(tmp_path)), "--speed", "max", "--json"]
    told = json.loads(sensorium("feed", *arguments).out)
    assert told["samples"] == {"audio/mic": 3, "text/asr": 3, "video/camera": 3}
    assert told["sessions"] == ["a", "b"]


@pytest.mark.integration
def test_labels_come_from_a_topic(
    sensorium: Sensorium, on_stack: Stack, tmp_path: Path, own_pipeline: tuple[str, str]
) -> None:
    path, name = own_pipeline
    assert sensorium("topics", "create", "-p", path).status == 0
    arguments = ["--dataset", "mosi", "--data", str(mosi(tmp_path)), "--out", str(tmp_path / "w")]
    assert sensorium("align", *arguments).status == 0
    body = b'{"task": "mood", "label": "good", "start": %d, "end": %d}'
    start_us = 946_684_800_000_000

    async def send() -> None:
        async with AIOKafkaProducer(bootstrap_servers=on_stack.kafka_bootstrap) as producer:
            await producer.send(f"{name}.notes", body % (start_us, start_us + 10**6), key=b"a")
            await producer.send(f"{name}.notes", b"no label", key=b"a")

    asyncio.run(send())
    done = sensorium("datasets", "label", str(tmp_path / "w"), "--topic", f"{name}.notes", "--json")
    told = json.loads(done.out)
    assert told["report"]["labels"] == 1
    assert told["report"]["tasks"][0]["unlabelled"] == 2
    assert told["dropped_records"][0]["number"] == 1
