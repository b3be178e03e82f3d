"""A learned network on one device: in which shapes its parts are run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from schemas.model import ModelSpec
from workers.backends.compiling import Part
from workers.backends.execution import NotePadding, note_nothing
from workers.backends.parts import Parts, encoding
from workers.device import device_failures
from workers.encoders.tiling import tiles
from workers.learned.answers import Answer, answers_of
from workers.learned.encoders.base import Decoded, InputEncoder
from workers.learned.network import LearnedNetwork, NetworkOutput
from workers.learned.steps import (
    LENGTH_CLASSES,
    WindowSteps,
    as_tensors,
    collate,
    from_tensors,
    length_bounds,
    length_class,
    noise,
)

#: The part that fuses; the others are named by their input. No input's name has a slash.
FUSION = "/fusion"


class LearnedExecution:
    """Runs encoders and fusion of one network. Blocks; use from one thread at a time.

    ``warm`` has to run before heights other than the first are used; until then, and after, an
    item's output has the same bits whatever else is in the call.
    """

    def __init__(
        self,
        network: LearnedNetwork,
        device: torch.device,
        spec: ModelSpec,
        *,
        note_padding: NotePadding = note_nothing,
    ) -> None:
        """``spec``: how the network is run. Raises ``DeviceError`` where it cannot be so here."""
        self.network = network.to(device).eval()
        self._note_padding = note_padding
        self._plan = network.plan
        self._encoders: Mapping[str, InputEncoder] = {
            name: network.encoder(name) for name in self._plan.inputs
        }
        encoders = {name: encoding(encoder) for name, encoder in self._encoders.items()}
        self._parts = Parts(
            encoders | {FUSION: _fusing(network)},
            device,
            max_batch=spec.max_batch,
            precision=spec.precision,
            compile=spec.compile,
        )

    def encode(self, name: str, decoded: Sequence[Decoded]) -> NDArray[np.float32]:
        """Features of an input's decoded samples in order, float32 (n, width), n > 0; NaN where the
        network makes it so. Raises ``DeviceError``, and what a network raises.
        """
        encoder = self._encoders[name]
        out = np.empty((len(decoded), encoder.width), np.float32)
        done: list[tuple[Sequence[int], Tensor]] = []
        with device_failures(), torch.inference_mode():
            for tile in tiles(
                decoded,
                encoder.size_class,
                lambda size: self._parts.heights_of(name, size, encoder.bounds(size)),
            ):
                chosen = [decoded[position] for position in tile.positions]
                (rows,) = self._parts.run(name, encoder.collate(chosen, tile.size_class, tile.rows))
                done.append((tile.positions, rows))
                asked = sum(min(encoder.extent(one), tile.size_class) for one in chosen)
                self._note_padding(encoder.modality.value, asked, tile.rows * tile.size_class)
            # Read back when all runs are under way: on a GPU the first read waits for them.
            for positions, rows in done:
                out[positions] = rows.float().cpu().numpy()[: len(positions)]
        return out

    def fuse(self, windows: Sequence[WindowSteps]) -> list[Answer]:
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
                batch = as_tensors(collate(chosen, tile.size_class, tile.rows))
                done.append((tile.positions, self._parts.run(FUSION, batch)))
                asked = sum(max(map(len, window)) for window in chosen)
                self._note_padding("fusion", asked, tile.rows * tile.size_class)
            for positions, (hidden, shares, *logits) in done:
                by_task = dict(zip(self._plan.tasks, logits, strict=True))
                output = NetworkOutput(by_task, shares, hidden)
                found = answers_of(output, self._plan, len(positions))
                answers.update(zip(positions, found, strict=True))
        return [answers[position] for position in range(len(windows))]

    def warm(self) -> None:
        """Run every shape once and find out which heights agree. Raises as ``encode`` does."""
        with device_failures(), torch.inference_mode():
            for name, encoder in self._encoders.items():
                for size in encoder.size_classes:
                    self._warm_encoder(name, encoder, size)
            for length in LENGTH_CLASSES:
                self._warm_fusion(length)

    def _warm_encoder(self, name: str, encoder: InputEncoder, size: int) -> None:
        def run(first: int, rows: int) -> tuple[Tensor, ...]:
            specimens = [
                encoder.specimen(size, np.random.default_rng(first + row)) for row in range(rows)
            ]
            return self._parts.run(name, encoder.collate(specimens, size, rows))

        self._parts.agree(name, size, encoder.bounds(size), run)

    def _warm_fusion(self, length: int) -> None:
        widths = [encoder.width for encoder in self._encoders.values()]
        steps = self._plan.context.steps

        def run(first: int, rows: int) -> tuple[Tensor, ...]:
            windows = [
                noise(widths, length, steps, np.random.default_rng(first + row))
                for row in range(rows)
            ]
            return self._parts.run(FUSION, as_tensors(collate(windows, length, rows)))

        self._parts.agree(FUSION, length, length_bounds(length), run)


def _fusing(network: LearnedNetwork) -> Part:
    def run(*tensors: Tensor) -> tuple[Tensor, ...]:
        output: NetworkOutput = network.fusion(from_tensors(tensors))
        # What the heads read tells heights apart that a few logits would not.
        return (output.hidden, output.shares, *output.logits.values())

    return run
