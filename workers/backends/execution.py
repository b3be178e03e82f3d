"""A reference network on one device: in which shapes, precision and form its parts are run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from schemas.sample import Modality
from workers.backends.compiling import Compile, Part
from workers.backends.parts import Parts, Precision, encoding
from workers.device import device_failures
from workers.encoders.base import Array, Encoder
from workers.encoders.tiling import tiles
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

#: What padding is reported by: part, what was asked for and what was run, in the part's own unit
#: (rows, segments of audio, words, objects, tokens).
NotePadding = Callable[[str, float, float], None]

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
        self._note_padding = note_padding
        encoders = {name: encoding(network.encoder(Modality(name))) for name in network.encoders}
        self._parts = Parts(
            encoders | {FUSION: _fusing(network)},
            device,
            max_batch=max_batch,
            precision=precision,
            compile=compile,
        )
        self._tasks = tuple(network.tasks)

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
                lambda size: self._parts.heights_of(part, size, encoder.bounds(size)),
            ):
                chosen = [arrays[position] for position in tile.positions]
                (features,) = self._parts.run(
                    part, encoder.collate(chosen, tile.size_class, tile.rows)
                )
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
                lambda length: self._parts.heights_of(FUSION, length, length_bounds(length)),
            ):
                chosen = [windows[position] for position in tile.positions]
                batch = collate(chosen, tile.size_class, tile.rows)
                done.append((tile.positions, self._parts.run(FUSION, batch.tensors)))
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
                return self._parts.run(part, encoder.collate(noise, size, rows))

            self._parts.agree(part, size, encoder.bounds(size), run)

    def _warm_fusion(self, length: int) -> None:
        def run(first: int, rows: int) -> tuple[Tensor, ...]:
            noise = [
                noise_tokens(length, np.random.default_rng(first + row)) for row in range(rows)
            ]
            return self._parts.run(FUSION, collate(noise, length, rows).tensors)

        self._parts.agree(FUSION, length, length_bounds(length), run)


def _fusing(network: Network) -> Part:
    def run(*tensors: Tensor) -> tuple[Tensor, ...]:
        output = network.fusion(TokenBatch(*tensors))
        return (output.shares, *output.logits.values())

    return run
