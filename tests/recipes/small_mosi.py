"""A data set in the layout of CMU-MOSI, small and easy to learn."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

VIDEOS, UTTERANCES = 10, 4
PLAN = """
name: small
data:
  set: mosi
model:
  encoders:
    text: {kind: vector}
    audio: {kind: vector}
  fusion: {form: sum, width: 8}
  tasks:
    sentiment: {}
optimisation:
  epochs: 40
  learning_rate: 0.01
"""


def write_mosi(folder: Path, video_prefix: str = "v") -> Path:
    """Text tells the label, audio and video tell nothing; six videos to learn from."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    labels = rng.integers(2, size=VIDEOS * UTTERANCES)
    labels[:2] = 0, 1
    with (folder / "utterances.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["utterance_id", "video_id", "segment", "split", "label", "text"])
        for row, label in enumerate(labels.tolist()):
            video, segment = divmod(row, UTTERANCES)
            split = "train" if video < 6 else "test"
            name = f"{video_prefix}{video}"
            rows.writerow([f"{name}_{segment}", name, segment, split, label, "words"])
    noise = rng.standard_normal((len(labels), 4)).astype(np.float32)
    text = noise + 3 * np.where(labels == 1, 1, -1)[:, None].astype(np.float32)
    np.savez(folder / "features.npz", text=text, audio=noise, video=noise)
    return folder


def write_plan(folder: Path) -> Path:
    """The plan's file."""
    path = folder / "small.yaml"
    path.write_text(PLAN)
    return path
