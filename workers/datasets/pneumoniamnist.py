"""PneumoniaMNIST: children's chest X-rays of 28 by 28 pixels, normal or pneumonia.

Layout: ``pneumoniamnist.npz`` as MedMNIST has it: ``train_images`` uint8 (n, 28, 28),
``train_labels`` (n, 1), and the same under ``val`` and ``test``; any part may be missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.units import US_PER_S
from streams.feed.item import FeedItem
from workers.datasets.base import DataSet, Label, Split
from workers.datasets.files import nothing_of, read_arrays
from workers.datasets.making import START_US, moment, sorted_labels
from workers.errors import DataSetError

ABOUT = "chest X-rays of 28 by 28 pixels: normal or pneumonia, official split"
FINDINGS = ("normal", "pneumonia")
_PARTS: tuple[tuple[str, Split], ...] = (
    ("train", "train"),
    ("val", "validation"),
    ("test", "test"),
)

Pixels = NDArray[np.uint8]


def load(path: Path) -> DataSet:
    """Read the file, or the one such file of a folder; a session is one image, as a PNG."""
    file = path
    if path.is_dir():
        file = next(iter(sorted(path.glob("pneumoniamnist*.npz"))), path)
    parts = _parts(file) if file.is_file() else {}
    if not parts:
        raise nothing_of(
            path, "pneumoniamnist.npz with train_images and train_labels, or val, test"
        )
    listed = [
        (f"{split}-{row:05d}", split, images[row], int(labels[row]))
        for split, (images, labels) in parts.items()
        for row in range(len(images))
    ]

    def items() -> Iterator[FeedItem]:
        for session, _, image, _ in listed:
            yield moment(session, "imaging", "xray", START_US, "image/png", _png(image))

    return DataSet(
        "pneumoniamnist",
        items,
        sorted_labels(
            Label(session, START_US, START_US + US_PER_S, "finding", FINDINGS[label])
            for session, _, _, label in listed
        ),
        {"finding": FINDINGS},
        {session: session for session, *_ in listed},
        "CC BY 4.0",
        True,
        "PneumoniaMNIST of MedMNIST v2 (Yang et al. 2023) with its official split",
        {session: split for session, split, *_ in listed},
    )


def _parts(file: Path) -> dict[Split, tuple[Pixels, NDArray[np.uint8]]]:
    held = read_arrays(file)
    return {
        split: _checked(file, name, held[f"{name}_images"], held[f"{name}_labels"])
        for name, split in _PARTS
        if f"{name}_images" in held and f"{name}_labels" in held
    }


def _checked(
    file: Path, name: str, images: Pixels, labels: NDArray[np.uint8]
) -> tuple[Pixels, NDArray[np.uint8]]:
    flat = labels.reshape(-1)
    if images.ndim != 3 or images.dtype != np.uint8 or len(flat) != len(images):
        raise DataSetError(
            f"{file}: expected {name}_images uint8 (n, height, width) with a label each, got "
            f"{images.dtype} {images.shape} and {len(flat)} labels; copy it anew"
        )
    if not np.isin(flat, (0, 1)).all():
        raise DataSetError(f"{file}: expected {name}_labels of 0 and 1, got others; copy it anew")
    return images, flat


def _png(image: Pixels) -> bytes:
    return bytes(cv2.imencode(".png", image)[1].data)
