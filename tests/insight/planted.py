"""A small network trained to see a bright patch and to hear a tone, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from schemas.sample import Modality
from streams.align.types import Window, WindowSample
from workers.codecs.image import FRAME_SHAPE
from workers.device import set_threads
from workers.encoders.base import Array
from workers.encoders.feature import to_wire
from workers.fusion.network import Network
from workers.fusion.tokens import MODALITIES, TokenBatch, sensor_slot

TASKS = {"patch": ("absent", "present"), "tone": ("absent", "present")}
MODALITY_OF = {"camera": Modality.VIDEO, "mic": Modality.AUDIO}
#: Side of the patch, pixels of a decoded frame.
SIDE = 12
_STEPS, _ROWS = 160, 16


@dataclass(frozen=True, slots=True)
class Scene:
    """One frame and one chunk. ``corner``: row and column where the patch begins, if there is."""

    frame: NDArray[np.uint8]
    chunk: NDArray[np.float32]
    corner: tuple[int, int] | None
    tone: bool

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Where the patch is, bool (height, width)."""
        mask = np.zeros(FRAME_SHAPE, np.bool_)
        if self.corner is not None:
            row, column = self.corner
            mask[row : row + SIDE, column : column + SIDE] = True
        return mask


def scene(rng: np.random.Generator, patch: bool | None = None, tone: bool | None = None) -> Scene:
    """Noise, with a patch and a tone where wanted; by chance without a wish."""
    height, width = FRAME_SHAPE
    frame = rng.integers(60, 120, (height, width, 3), dtype=np.uint8)
    chunk = rng.normal(-0.8, 0.05, (16, 32)).astype(np.float32)
    corner = None
    if rng.random() < 0.5 if patch is None else patch:
        corner = int(rng.integers(0, height - SIDE)), int(rng.integers(0, width - SIDE))
        frame[corner[0] : corner[0] + SIDE, corner[1] : corner[1] + SIDE] = 230
    heard = bool(rng.random() < 0.5 if tone is None else tone)
    if heard:
        chunk[:, 10:13] += 1.0
    return Scene(frame, chunk, corner, heard)


@cache
def network() -> Network:
    """Trained from scratch, the same each time: some seconds."""
    set_threads(1)
    rng = np.random.default_rng(3)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = Network(tuple(MODALITY_OF.values()), TASKS, "attention")
        optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
        for _ in range(_STEPS):
            scenes = [scene(rng) for _ in range(_ROWS)]
            logits = model.fusion(_batch(model, scenes)).logits
            truths = {
                "patch": [one.corner is not None for one in scenes],
                "tone": [one.tone for one in scenes],
            }
            losses = [
                nn.functional.cross_entropy(logits[task], torch.tensor(truth).long())
                for task, truth in truths.items()
            ]
            optimiser.zero_grad()
            torch.stack(losses).sum().backward()
            optimiser.step()
    return model.eval()


def _batch(model: Network, scenes: list[Scene]) -> TokenBatch:
    encoded = {
        Modality.VIDEO: _encode(model, Modality.VIDEO, [one.frame for one in scenes]),
        Modality.AUDIO: _encode(model, Modality.AUDIO, [one.chunk for one in scenes]),
    }
    slots = torch.tensor([sensor_slot("cam"), sensor_slot("mic")])
    kinds = torch.tensor([MODALITIES.index(kind) for kind in encoded])
    rows = len(scenes)
    return TokenBatch(
        torch.stack(list(encoded.values()), dim=1),
        kinds.expand(rows, 2),
        slots.expand(rows, 2),
        torch.full((rows, 2), 0.5),
        torch.ones(rows, 2, dtype=torch.bool),
    )


def _encode(model: Network, modality: Modality, arrays: list[Array]) -> torch.Tensor:
    encoder = model.encoder(modality)
    size = encoder.size_class(arrays[0])
    feature: torch.Tensor = encoder(*encoder.collate(arrays, size, len(arrays)))
    return feature


def window_of(model: Network, *scenes: Scene) -> tuple[Window, dict[WindowSample, Array]]:
    """A window of these frames and chunks, and what the codecs made of its samples."""
    decoded: dict[WindowSample, Array] = {}
    for at, one in enumerate(scenes):
        for input, sensor, array in (("camera", "cam", one.frame), ("mic", "mic", one.chunk)):
            with torch.inference_mode():
                (feature,) = _encode(model, MODALITY_OF[input], [array]).numpy()
            at_us = 400_000 + at * 100_000
            decoded[WindowSample(sensor, input, at, at_us, at_us, to_wire(feature))] = array
    return Window(0, "s", 0, 1_000_000, tuple(decoded), {}, 0), decoded
