"""Windows and their samples as one differentiable batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from schemas.sample import Modality
from workers.encoders.base import FEATURE_SIZE
from workers.encoders.tiling import by_class
from workers.fusion.network import Network
from workers.fusion.tokens import TokenBatch, Tokens, collate
from workers.train.scenes.augment import augment
from workers.train.scenes.recording import LabelledWindow, Recording


def _as_served(features: Tensor) -> Tensor:
    """Round to float16 as the wire does; the gradient passes as if it did not."""
    rounded = features.half().to(features.dtype)
    return features + (rounded - features).detach()


def _encode(
    network: Network,
    recording: Recording,
    used: Sequence[int],
    device: torch.device,
    rng: np.random.Generator,
) -> Tensor:
    """Features of the samples at ``used``, in that order, (len(used), FEATURE_SIZE)."""
    parts: list[Tensor] = []
    order: list[int] = []
    kinds = [recording.modalities[position] for position in used]
    for modality in sorted(set(kinds)):
        encoder = network.encoder(modality)
        rows = [row for row, kind in enumerate(kinds) if kind is modality]
        arrays = [augment(modality, recording.arrays[used[row]], rng) for row in rows]
        # Padding to the size class but not to a height: in training, speed is all that differs.
        for size_class, members in by_class(arrays, encoder.size_class).items():
            batch = encoder.collate([arrays[i] for i in members], size_class, len(members))
            parts.append(encoder(*(tensor.to(device) for tensor in batch)))
            order += [rows[i] for i in members]
    place = torch.empty(len(order), dtype=torch.int64)
    place[order] = torch.arange(len(order))
    return torch.cat(parts)[place.to(device)]


def token_batch(
    network: Network,
    recording: Recording,
    windows: Sequence[LabelledWindow],
    device: torch.device,
    rng: np.random.Generator,
) -> TokenBatch:
    """Tokens of windows whose features carry gradients back to the encoders.

    ``rng`` draws the augmentation.
    """
    used = sorted({int(position) for window in windows for position in window.samples})
    row_of = {position: row for row, position in enumerate(used)}
    length = max(1, *(len(window.samples) for window in windows))
    bare = [
        Tokens(
            np.zeros((len(window.samples), FEATURE_SIZE), np.float32),
            window.modalities,
            window.sensors,
            window.times,
        )
        for window in windows
    ]
    batch = collate(bare, length, len(windows)).to(device)
    if not used:
        return batch
    features = _as_served(_encode(network, recording, used, device, rng))
    # Row 0 is what padding points at; index_select keeps the gradient's sum in a fixed order.
    table = torch.cat([torch.zeros(1, FEATURE_SIZE, device=device), features])
    index = np.zeros((len(windows), length), np.int64)
    for row, window in enumerate(windows):
        index[row, : len(window.samples)] = [1 + row_of[int(p)] for p in window.samples]
    flat = torch.from_numpy(index.reshape(-1)).to(device)
    gathered = table.index_select(0, flat).reshape(len(windows), length, FEATURE_SIZE)
    return TokenBatch(gathered, batch.modalities, batch.sensors, batch.times, batch.present)


def modalities_of(recording: Recording) -> tuple[Modality, ...]:
    """The modalities that occur, in the order of ``Modality``."""
    present = set(recording.modalities)
    return tuple(modality for modality in Modality if modality in present)
