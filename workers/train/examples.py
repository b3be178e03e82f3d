"""Labelled windows made ready for a network: encoders fitted, features of frozen ones computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from schemas.result import ModelRef
from streams.compute import BadSample
from workers.datasets.windows import LabelledWindow, LabelledWindows
from workers.encoders.tiling import by_class
from workers.errors import PlanError, TrainError
from workers.learned.encoders.base import Decoded, InputEncoder
from workers.learned.kinds import ENCODERS, load
from workers.learned.model import LearnedModel
from workers.learned.network import LearnedNetwork
from workers.learned.parts import part_of_plan
from workers.learned.plan import ModelPlan
from workers.learned.steps import InputBatch, by_input, step_indices
from workers.train.sample_cache import SampleCache


def _of_input(windows: LabelledWindows) -> dict[str, list[int]]:
    """Input -> positions of its samples that are in any of the windows."""
    found: dict[str, list[int]] = {name: [] for name in windows.pipeline.inputs}
    for position in windows.used().tolist():
        found[windows.samples[position].input].append(position)
    return found


def resolved_plan(plan: ModelPlan, training: LabelledWindows) -> ModelPlan:
    """The plan with what only training samples can tell filled in.

    Raises ``PlanError``: an input that the pipeline does not have, without any sample, or with
    samples that do not fit.
    """
    there = _of_input(training)
    encoders = {}
    for name, options in plan.encoders.items():
        if name not in there:
            raise PlanError(f"encoders.{name}", f"expected an input of {', '.join(there)}")
        if not there[name]:
            raise PlanError(f"encoders.{name}", "expected training samples, got none")
        samples = [training.samples[position] for position in there[name]]
        modality = training.pipeline.inputs[name].modality
        with part_of_plan(f"encoders.{name}"):
            encoders[name] = load(ENCODERS, options.kind).resolved(options, modality, samples)
    return plan.model_copy(update={"encoders": encoders})


def fit_encoders(network: LearnedNetwork, training: LabelledWindows, cache: SampleCache) -> None:
    """Fill every encoder's buffers from training samples. Raises ``TrainError`` where none of an
    input's can be decoded.
    """
    for name, positions in _of_input(training).items():
        if name not in network.plan.encoders:
            continue
        encoder = network.encoder(name)
        found = [cache.decoded(encoder, position) for position in positions]
        good = [each for each in found if not isinstance(each, BadSample)]
        if not good:
            bad = next(each for each in found if isinstance(each, BadSample))
            raise TrainError(
                f"input {name!r}: expected samples, got none that can be decoded; the first: "
                f"{bad.reason}: {bad.message}"
            )
        with part_of_plan(f"encoders.{name}"):
            encoder.fit(good)


class Examples:
    """Windows of one data set as batches of a network's inputs, on its device.

    Use with the network whose encoders were fitted. Samples that cannot be decoded are left out,
    as in the stream.
    """

    def __init__(
        self,
        windows: LabelledWindows,
        network: LearnedNetwork,
        cache: SampleCache,
        device: torch.device,
    ) -> None:
        self.windows = windows
        self._network = network
        self._cache = cache
        self._device = device
        self._inputs = network.plan.inputs
        self._steps = network.plan.context.steps
        self.labels: Mapping[str, NDArray[np.int64]] = {
            task: windows.indices(task) if task in windows.tasks else np.full(len(windows), -1)
            for task in network.plan.tasks
        }
        self._good = self._decodable()
        self._placed = [self._place(window) for window in windows.windows]
        self._frozen = {
            name: self._features_of(name) for name in self._inputs if network.encoder(name).frozen
        }

    def __len__(self) -> int:
        return len(self._placed)

    def _decodable(self) -> NDArray[np.bool_]:
        """Of each sample whether it is used and its encoder can decode it, bool (samples,)."""
        good = np.zeros(len(self.windows.samples), np.bool_)
        for name, positions in _of_input(self.windows).items():
            if name in self._inputs:
                encoder = self._network.encoder(name)
                good[positions] = [
                    not isinstance(self._cache.decoded(encoder, at), BadSample) for at in positions
                ]
        return good

    def _place(
        self, window: LabelledWindow
    ) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Input -> positions and steps of its samples, both int64 (n,)."""
        span = (window.window.start_us, window.window.end_us)
        found = {}
        for name, samples in by_input(window.window, self._inputs).items():
            joined = b"".join(sample.feature for sample in samples)
            positions = np.frombuffer(joined, "<u4").astype(np.int64)
            good = self._good[positions]
            found[name] = (positions[good], step_indices(samples, span, self._steps)[good])
        return found

    def _features_of(self, name: str) -> tuple[Tensor, NDArray[np.int64]]:
        """A frozen encoder's features float32 (n, width), and of each sample which row is its."""
        encoder = self._network.encoder(name)
        parts = [placed[name][0] for placed in self._placed]
        used = np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.int64)
        modality_of = {each: self._network.encoder(each).modality for each in self._inputs}
        model = LearnedModel(self._network, ModelRef("training", "", ""), modality_of, self._device)
        features = self._cache.features(model, used.tolist())
        rows = encoder.from_wire([_there(features[at]) for at in used.tolist()])
        row_of = np.zeros(len(self.windows.samples), np.int64)
        row_of[used] = np.arange(len(used))
        return torch.from_numpy(rows), row_of

    def batch(
        self, chosen: Sequence[int], augment_rng: np.random.Generator | None = None
    ) -> list[InputBatch]:
        """Some windows as a batch of each input. Trained encoders are run, with what their
        ``augment`` makes of the samples where there is a generator for it.
        """
        return [self._input_batch(name, chosen, augment_rng) for name in self._inputs]

    def _input_batch(
        self, name: str, chosen: Sequence[int], rng: np.random.Generator | None
    ) -> InputBatch:
        placed = [self._placed[window][name] for window in chosen]
        length = max(1, *(len(positions) for positions, _ in placed))
        rows = np.zeros((len(placed), length), np.int64)
        steps = np.zeros((len(placed), length), np.int64)
        present = np.zeros((len(placed), length), np.bool_)
        for row, (positions, where) in enumerate(placed):
            rows[row, : len(positions)] = positions
            steps[row, : len(positions)] = where
            present[row, : len(positions)] = True
        if name in self._frozen:
            values, row_of = self._frozen[name]
            # Nothing to look up where no window has a sample of it.
            features = (
                values[torch.from_numpy(row_of[rows])]
                if len(values)
                else torch.zeros(*rows.shape, values.shape[1])
            ).to(self._device)
        else:
            features = self._encoded(self._network.encoder(name), rows, present, rng)
        features = features * torch.from_numpy(present).to(self._device).unsqueeze(-1)
        return InputBatch(
            features,
            torch.from_numpy(steps).to(self._device),
            torch.from_numpy(present).to(self._device),
        )

    def _encoded(
        self,
        encoder: InputEncoder,
        rows: NDArray[np.int64],
        present: NDArray[np.bool_],
        rng: np.random.Generator | None,
    ) -> Tensor:
        used, inverse = np.unique(rows[present], return_inverse=True)
        if not len(used):
            return torch.zeros(*rows.shape, encoder.width, device=self._device)
        decoded: list[Decoded] = [self._cache.decoded(encoder, at) for at in used.tolist()]
        if rng is not None:
            decoded = [encoder.augment(each, rng) for each in decoded]
        order, parts = [], []
        for size_class, positions in by_class(decoded, encoder.size_class).items():
            group = [decoded[at] for at in positions]
            tensors = encoder.collate(group, size_class, len(group))
            parts.append(encoder(*(tensor.to(self._device) for tensor in tensors)))
            order += positions
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        at = np.zeros(rows.shape, np.int64)
        at[present] = place[inverse]
        features: Tensor = torch.cat(parts)[torch.from_numpy(at).to(self._device)]
        return features


def _there(feature: bytes | None) -> bytes:
    assert feature is not None, "bad samples are left out before"
    return feature
