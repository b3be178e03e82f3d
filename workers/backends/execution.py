"""A reference network on one device: in which shapes, precision and form its parts are run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from schemas.sample import Modality
from workers.backends.compiling import Compile, Part, compiled
from workers.backends.heights import agreeing, only_anchor
from workers.backends.moving import Mover
from workers.device import device_failures
from workers.encoders.base import Array, Bounds, Encoder
from workers.encoders.tiling import Heights, tiles
from workers.fusion.base import FusionOutput
from workers.fusion.network import Answer, Network, answers_of
from workers.fusion.tokens import (
    LENGTH_CLASSES,
    TokenBatch,
    Tokens,
    collate,
    length_bounds,
    length_class,
    noise_tokens,
)

Precision = Literal["float32", "bfloat16", "float16"]
#: What padding is reported by: part, what was asked for and what was run, in the part's own unit
#: (rows, segments of audio, words, objects, tokens).
NotePadding = Callable[[str, float, float], None]

_TYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
#: The part that fuses; the others are named by their modality.
FUSION = "fusion"


def note_nothing(part: str, asked: float, run: float) -> None:
    """Padding that nobody asks about."""


class Execution:
    """Runs encoders and fusion of one network. Blocks; use from one thread at a time.

    ``warm`` has to run before the heights other than the first are used; until then, and after,
    an item's output has the same bits whatever else is in the call.
    """

    def __init__(
        self,
        network: Network,
        device: torch.device,
        *,
        max_batch: int = 64,
        precision: Precision = "float32",
        compile: Compile = "none",
        note_padding: NotePadding = note_nothing,
    ) -> None:
        """Raises ``DeviceError`` where the network cannot be compiled as asked."""
        self.network = network.to(device).eval()
        self._device = device
        self._max_batch = max_batch
        self._precision: Precision = precision
        self._few_shapes = compile != "none"
        self._note_padding = note_padding
        self._mover = Mover(device)
        self._parts: dict[str, Part] = {
            name: compiled(_encoding(network.encoder(Modality(name))), compile, device)
            for name in network.encoders
        }
        self._parts[FUSION] = compiled(_fusing(network), compile, device)
        self._tasks = tuple(network.tasks)
        self._heights: dict[tuple[str, int], Heights] = {}

    def encode(self, modality: Modality, arrays: Sequence[Array]) -> NDArray[np.float32]:
        """Features of decoded samples in order, float32 (n, FEATURE_SIZE), n > 0; NaN where the
        network makes it so. Raises ``DeviceError``, and what a network raises.
        """
        encoder, part = self.network.encoder(modality), modality.value
        done: list[tuple[Sequence[int], Tensor]] = []
        with device_failures(), torch.inference_mode():
            for tile in tiles(
                arrays,
                encoder.size_class,
                lambda size: self._heights_of(part, size, encoder.bounds(size)),
            ):
                chosen = [arrays[position] for position in tile.positions]
                (features,) = self._run(part, encoder.collate(chosen, tile.size_class, tile.rows))
                done.append((tile.positions, features))
                asked = sum(min(encoder.extent(array), tile.size_class) for array in chosen)
                self._note_padding(part, asked, tile.rows * tile.size_class)
            # Read back when all runs are under way: on a GPU the first read waits for them.
            out: NDArray[np.float32] | None = None
            for positions, features in done:
                rows = features.float().cpu().numpy()
                if out is None:
                    out = np.empty((len(arrays), rows.shape[1]), np.float32)
                out[positions] = rows[: len(positions)]
        if out is None:
            raise ValueError("expected at least one array")
        return out

    def fuse(self, windows: Sequence[Tokens]) -> list[Answer]:
        """One answer per window, in order; a probability is NaN where the network makes it so.

        Raises ``DeviceError``, and what a network raises.
        """
        done: list[tuple[Sequence[int], tuple[Tensor, ...]]] = []
        answers: dict[int, Answer] = {}
        with device_failures(), torch.inference_mode():
            for tile in tiles(
                windows,
                length_class,
                lambda length: self._heights_of(FUSION, length, length_bounds(length)),
            ):
                chosen = [windows[position] for position in tile.positions]
                batch = collate(chosen, tile.size_class, tile.rows)
                done.append((tile.positions, self._run(FUSION, batch.tensors)))
                self._note_padding(FUSION, sum(map(len, chosen)), tile.rows * tile.size_class)
            for positions, (shares, *logits) in done:
                output = FusionOutput(dict(zip(self._tasks, logits, strict=True)), shares)
                found = answers_of(output, len(positions))
                answers.update(zip(positions, found, strict=True))
        return [answers[position] for position in range(len(windows))]

    def warm(self) -> None:
        """Run every shape once and find out which heights agree. Raises as ``encode`` does."""
        with device_failures(), torch.inference_mode():
            for name in self.network.encoders:
                self._warm_encoder(name, self.network.encoder(Modality(name)))
            for length in LENGTH_CLASSES:
                self._warm_fusion(length)

    def _warm_encoder(self, part: str, encoder: Encoder) -> None:
        for size in encoder.size_classes:

            def run(first: int, rows: int, size: int = size) -> tuple[Tensor, ...]:
                noise = [
                    encoder.specimen(size, np.random.default_rng(first + row))
                    for row in range(rows)
                ]
                return self._run(part, encoder.collate(noise, size, rows))

            self._agree(part, size, encoder.bounds(size), run)

    def _warm_fusion(self, length: int) -> None:
        def run(first: int, rows: int) -> tuple[Tensor, ...]:
            noise = [
                noise_tokens(length, np.random.default_rng(first + row)) for row in range(rows)
            ]
            return self._run(FUSION, collate(noise, length, rows).tensors)

        self._agree(FUSION, length, length_bounds(length), run)

    def _agree(
        self,
        part: str,
        size_class: int,
        bounds: Bounds,
        run: Callable[[int, int], Sequence[Tensor]],
    ) -> None:
        # Each shape that is compiled takes seconds: two heights are enough then.
        tried = (min(bounds.most, self._max_batch),) if self._few_shapes else None
        self._heights[part, size_class] = agreeing(
            bounds, self._max_batch, self._device, run, tried
        )

    def _heights_of(self, part: str, size_class: int, bounds: Bounds) -> Heights:
        known = self._heights.get((part, size_class))
        return known or only_anchor(bounds, self._max_batch, self._device)

    def _run(self, part: str, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        moved = self._mover(tensors)
        with self._reduced():
            return self._parts[part](*moved)

    def _reduced(self) -> AbstractContextManager[object]:
        dtype = _TYPES.get(self._precision)
        return nullcontext() if dtype is None else torch.autocast(self._device.type, dtype)


def _encoding(encoder: Encoder) -> Part:
    def run(*tensors: Tensor) -> tuple[Tensor, ...]:
        return (encoder(*tensors),)

    return run


def _fusing(network: Network) -> Part:
    def run(*tensors: Tensor) -> tuple[Tensor, ...]:
        output = network.fusion(TokenBatch(*tensors))
        return (output.shares, *output.logits.values())

    return run
