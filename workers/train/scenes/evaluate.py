"""How often a network is right, with everything there and with modalities left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from schemas.sample import Modality
from workers.backends.execution import Execution
from workers.encoders.feature import from_wire, to_wire
from workers.fusion.network import Network
from workers.fusion.tokens import MODALITIES, Tokens
from workers.train.scenes.recording import LabelledWindow, Recording, label_indices


@dataclass(frozen=True, slots=True)
class Evaluation:
    """``tasks``: task -> share of labelled windows answered right. ``windows``: share of windows
    with all their labelled tasks right. ``confusions``: task -> (true, answered) -> count.
    """

    tasks: Mapping[str, float]
    windows: float
    count: int
    confusions: Mapping[str, Mapping[tuple[str, str], int]]


def encode_recording(
    network: Network, recording: Recording, device: torch.device
) -> NDArray[np.float32]:
    """Features of all samples, rounded as on the wire, float32 (n, FEATURE_SIZE).

    As a worker computes them.
    """
    execution = Execution(network, device)
    rows: list[bytes] = [b""] * len(recording.arrays)
    for modality in sorted(set(recording.modalities)):
        own = [i for i, kind in enumerate(recording.modalities) if kind is modality]
        features = execution.encode(modality, [recording.arrays[i] for i in own])
        for position, feature in zip(own, features, strict=True):
            rows[position] = to_wire(feature)
    return from_wire(rows)


def _tokens(window: LabelledWindow, features: NDArray[np.float32]) -> Tokens:
    return Tokens(features[window.samples], window.modalities, window.sensors, window.times)


def evaluate(
    network: Network,
    recording: Recording,
    features: NDArray[np.float32],
    device: torch.device,
    *,
    without: Collection[Modality] = (),
) -> Evaluation:
    """Answer every labelled window of a recording as a worker would."""
    left_out = [MODALITIES.index(modality) for modality in without]
    windows = [w.only(~np.isin(w.modalities, left_out)) for w in recording.windows]
    answers = Execution(network, device).fuse([_tokens(window, features) for window in windows])
    right = np.ones(len(windows), np.bool_)
    accuracy: dict[str, float] = {}
    confusions: dict[str, dict[tuple[str, str], int]] = {}
    for task, labels in network.tasks.items():
        truth = label_indices(windows, labels, task)
        said = np.asarray([int(answer.probabilities[task].argmax()) for answer in answers])
        labelled = truth >= 0
        hit = said == truth
        right &= hit | ~labelled
        if labelled.any():
            accuracy[task] = float(hit[labelled].mean())
        counts: dict[tuple[str, str], int] = {}
        for true, answer in zip(truth[labelled & ~hit], said[labelled & ~hit], strict=True):
            pair = (labels[true], labels[answer])
            counts[pair] = counts.get(pair, 0) + 1
        confusions[task] = counts
    return Evaluation(accuracy, float(right.mean()), len(windows), confusions)
