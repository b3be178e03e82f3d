"""A trained model as a folder that a worker opens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from workers.learned.card import render_card
from workers.learned.file import LearnedManifest, Measured, Origin, save_learned
from workers.learned.model import ARCHITECTURE
from workers.train.checkpoint import Epoch
from workers.train.trained import TrainedModel

#: Learning curves, beside the model.
CURVES_FILE = "training.json"


class Curves(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a training went. ``kept_epoch``: the one whose weights were kept, from 1."""

    seed: int
    kept_epoch: int
    epochs: list[Epoch]


def save_trained(
    folder: Path,
    trained: TrainedModel,
    *,
    name: str,
    version: str,
    pipeline: str,
    origin: Origin,
    metrics: Mapping[str, Mapping[str, Measured]],
) -> LearnedManifest:
    """Write ``model.json``, weights, card and learning curves. ``metrics``: split -> what ->
    figure. Seed and settings of ``origin`` are taken from the training.
    """
    settings = {**trained.optimisation.model_dump(mode="json"), **origin.settings}
    manifest = LearnedManifest(
        name=name,
        version=version,
        pipeline=pipeline,
        architecture=ARCHITECTURE,
        inputs={},
        tasks={},
        plan={},
        training=msgspec.structs.replace(origin, seed=trained.seed, settings=settings),
        metrics={split: dict(figures) for split, figures in metrics.items()},
    )
    card = render_card(manifest, trained.network)
    written = save_learned(folder, trained.network, manifest, card)
    write_curves(folder, trained.seed, trained.kept_epoch, trained.curve)
    return written


def write_curves(folder: Path, seed: int, kept_epoch: int, curve: Sequence[Epoch]) -> None:
    """Write the learning curves."""
    text = msgspec.json.encode(Curves(seed, kept_epoch, list(curve)))
    (folder / CURVES_FILE).write_bytes(msgspec.json.format(text, indent=2) + b"\n")
