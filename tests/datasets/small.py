"""Small data sets in the layouts of the real ones, written by hand."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import soundfile

from workers.datasets.base import DataSet
from workers.datasets.catalog import open_data_set, pipeline
from workers.train.scenes.recording import align


def table(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def mosi(folder: Path) -> Path:
    """Video a with two utterances, out of order, and b with one."""
    rows = [
        {"video_id": "a", "segment": 2, "split": "train", "label": 1, "text": "GOOD"},
        {"video_id": "a", "segment": 1, "split": "train", "label": 0, "text": "BAD"},
        {"video_id": "b", "segment": 4, "split": "test", "label": 1, "text": ""},
    ]
    table(folder / "utterances.csv", [{"utterance_id": k, **row} for k, row in enumerate(rows)])
    features = {
        "text": np.arange(6, dtype=np.float32).reshape(3, 2),
        "audio": np.ones((3, 3), np.float32),
        "video": np.zeros((3, 1), np.float32),
    }
    np.savez(folder / "features.npz", **features)
    return folder


def emodb(folder: Path, speakers: tuple[str, ...] = ("03", "08")) -> Path:
    """Two utterances a speaker, of 0.5 s, and one of an emotion that is none of the four."""
    rows = []
    for speaker in speakers:
        for name, emotion in (("a01Wa", "anger"), ("a02Nb", "neutral"), ("a04Lc", "boredom")):
            file = f"{speaker}{name}.flac"
            rows.append({"file": file, "speaker": speaker, "emotion": emotion})
            (folder / "flac").mkdir(parents=True, exist_ok=True)
            soundfile.write(str(folder / "flac" / file), np.zeros(8_000), 16_000)
    table(folder / "labels.csv", rows)
    return folder


def pocus(folder: Path) -> Path:
    """A clip of 3 s at 10 frames a second and a still."""
    media = folder / "media"
    media.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(media / "c.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    for index in range(30):
        writer.write(np.full((48, 64, 3), index * 8, np.uint8))
    writer.release()
    cv2.imwrite(str(media / "s.png"), np.full((600, 1200, 3), 128, np.uint8))
    note = "Comments from web site"
    row = {"Effusion": "1.0", "Fever": "n/A", "Cough": "0"}
    table(
        folder / "metadata.csv",
        [
            {
                "file": "media/c.avi",
                "patient": "P1",
                "label": "covid",
                "License": "CC BY 4.0",
                note: "COVID-19 with B-lines",
                **row,
            },
            {
                "file": "media/s.png",
                "patient": "P1",
                "label": "viral_pneumonia",
                "License": "CC BY-NC 4.0",
                note: "",
                **row,
            },
        ],
    )
    return folder


def pneumoniamnist(folder: Path, parts: tuple[str, ...] = ("train", "val", "test")) -> Path:
    arrays = {}
    for number, part in enumerate(parts):
        images = np.arange(2 * 28 * 28).reshape(2, 28, 28) + number
        arrays[f"{part}_images"] = images.astype(np.uint8)
        arrays[f"{part}_labels"] = np.asarray([[0], [1]], np.uint8)
    np.savez(folder / "pneumoniamnist.npz", **arrays)
    return folder


def clinc150(folder: Path, parts: dict[str, list[list[str]]] | None = None) -> Path:
    path = folder / "data_full.json"
    tree = parts or {
        "train": [["pay it", "pay_bill"], ["my balance", "balance"]],
        "val": [["pay my bill", "pay_bill"]],
        "oos_val": [["who won", "oos"]],
    }
    path.write_text(json.dumps(tree))
    return path


def matching_windows(name: str, data: DataSet) -> tuple[int, int]:
    """Windows of the data set's own pipeline, and how many begin where a label does."""
    starts = {(label.session, label.start_us) for label in data.labels}
    windows = align(pipeline(name), data.items())
    return len(windows), sum((one.session, one.start_us) in starts for one in windows)


def load(name: str, path: Path, **options: object) -> DataSet:
    return open_data_set(name, path, options)
