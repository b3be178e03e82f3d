"""Trained models in a folder of the user's, and how one is known again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from schemas.pipeline import Pipeline
from workers.datasets.base import DataSet
from workers.errors import EvaluationError
from workers.recipes.base import Curve
from workers.recipes.classifier import Cut

#: Beside ``model.json``.
FILE = "kept.json"


class Kept(msgspec.Struct, frozen=True):
    """What a kept model was trained on, as a digest, and how that went."""

    digest: str
    curves: tuple[Curve, ...] = ()


def training_digest(recipe: str, data_set: DataSet, cut: Cut, way: str, pipeline: Pipeline) -> str:
    """sha256 of all that a training is given: the samples and labels of its sessions, the cut, the
    way and the pipeline. The recipe's own code is not in it.
    """
    found = hashlib.sha256()
    for part in (recipe, way, str(cut.seed), pipeline.model_dump_json()):
        found.update(part.encode() + b"\0")
    for side in (cut.training, cut.validation):
        found.update("\0".join(sorted(side)).encode() + b"\0\0")
        for label in data_set.labels:
            if label.session in side:
                found.update(repr(tuple(label)).encode())
    learnt = cut.training | cut.validation
    for item in data_set.items():
        if item.session in learnt:
            where = (item.session, item.input, item.sensor, item.start_us, item.end_us)
            found.update(repr(where).encode() + item.payload)
    return found.hexdigest()


def read_kept(folder: Path, digest: str) -> Kept | None:
    """What is known of a kept model; ``None`` where there is none, or one of another training.

    Raises ``EvaluationError`` where the file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=Kept)
    except msgspec.MsgspecError as error:
        raise EvaluationError(
            f"{path}: expected what a kept model was trained on, got {error}; delete the folder"
        ) from None
    return kept if kept.digest == digest else None


def forget(folder: Path) -> None:
    """Say no longer what is there: it is about to be trained anew, and may be left half written."""
    (folder / FILE).unlink(missing_ok=True)


def write_kept(folder: Path, kept: Kept) -> None:
    """Write it beside the model, once that is whole."""
    (folder / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(kept)))
