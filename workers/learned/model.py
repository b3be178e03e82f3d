"""The learned model as one that answers: ``workers.backends.base.Model``."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from schemas.model import ModelSpec
from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from workers.backends.execution import NotePadding, note_nothing
from workers.encoders.identity import encoders_digest
from workers.errors import ModelError, NonFiniteError
from workers.learned.answers import Answer
from workers.learned.encoders.base import Decoded
from workers.learned.execution import LearnedExecution
from workers.learned.network import LearnedNetwork
from workers.learned.plan import ModelPlan
from workers.learned.rules import rule_of
from workers.learned.steps import WindowSteps, window_steps

#: Grows when a change to what encoders share, or to fusion, makes older weights meaningless.
ARCHITECTURE = "sensorium-learned-1"


class OfInput(NamedTuple):
    """A decoded sample and the input that it is of: each input has an encoder of its own."""

    input: str
    decoded: Decoded


class LearnedModel:
    """Encoders, fusion and heads of one network, on one device."""

    def __init__(
        self,
        network: LearnedNetwork,
        ref: ModelRef,
        modality_of: Mapping[str, Modality],
        device: torch.device,
        spec: ModelSpec | None = None,
        *,
        note_padding: NotePadding = note_nothing,
    ) -> None:
        """``modality_of``: input -> modality, of the pipeline that is served. ``spec``: how the
        network is run; as in a pipeline file that does not say where ``None``.

        Raises ``ModelError`` where an input of the model is of another modality in the pipeline,
        ``DeviceError`` where it cannot be run so on this device.
        """
        self.network = network
        self.plan: ModelPlan = network.plan
        self._ref = ref
        self._encoders = {name: network.encoder(name) for name in self.plan.inputs}
        self._rules = {
            task: (self.plan.inputs.index(rule.input), rule_of(self._encoders[rule.input]))
            for task, rule in self.plan.rules.items()
        }
        for name, encoder in self._encoders.items():
            if modality_of.get(name, encoder.modality) is not encoder.modality:
                raise ModelError(
                    ref.name,
                    f"input {name!r}: expected {encoder.modality.value}, the pipeline has "
                    f"{modality_of[name].value}; use the pipeline that it was trained for",
                )
        unknown = sorted(set(modality_of) - set(self._encoders))
        if unknown:
            raise ModelError(
                ref.name,
                f"expected inputs of {list(self.plan.inputs)}, the pipeline has {unknown} too; "
                "leave them out or train with them",
            )
        spec = spec or ModelSpec(name=ref.name)
        self._features = features_digest(network)
        if spec.precision != "float32":
            self._features += f"-{spec.precision}"
        self._execution = LearnedExecution(network, device, spec, note_padding=note_padding)

    @property
    def ref(self) -> ModelRef:
        """How results name this model."""
        return self._ref

    @property
    def modalities(self) -> Collection[Modality]:
        """The modalities it takes."""
        return sorted({encoder.modality for encoder in self._encoders.values()})

    @property
    def tasks(self) -> Mapping[str, Sequence[str]]:
        """Task -> labels."""
        learned = {task: rules.labels for task, rules in self.plan.tasks.items()}
        return learned | {task: rule.labels for task, (_, rule) in self._rules.items()}

    @property
    def features(self) -> str:
        """The digest of the encoders; another fusion over the same ones can use their features."""
        return self._features

    @property
    def lanes(self) -> int:
        """One: batches at the same time would only take the device from each other."""
        return 1

    def decode(self, sample: Sample) -> OfInput | BadSample:
        """A sample made ready by its input's encoder. Raises nothing for any input."""
        encoder = self._encoders.get(sample.input)
        if encoder is None:
            return BadSample(
                "unknown_input", "ModelError", f"the model takes no input {sample.input!r:.80}"
            )
        try:
            decoded = encoder.decode(sample)
        except Exception as error:
            name = type(error).__name__
            return BadSample("undecodable", name, f"decoding for the encoder failed with {name}")
        return decoded if isinstance(decoded, BadSample) else OfInput(sample.input, decoded)

    def encode(self, modality: Modality, decoded: Sequence[OfInput]) -> list[bytes]:
        """Features in the wire form of each sample's encoder. Raises ``DeviceError``,
        ``NonFiniteError``, and what a network raises.
        """
        del modality
        by_input: dict[str, list[int]] = defaultdict(list)
        for position, one in enumerate(decoded):
            by_input[one.input].append(position)
        out: list[bytes] = [b""] * len(decoded)
        for name, positions in by_input.items():
            encoder = self._encoders[name]
            rows = self._execution.encode(name, [decoded[at].decoded for at in positions])
            if not np.isfinite(rows).all():
                raise NonFiniteError(f"the encoder of {name!r} gives NaN or infinity")
            for position, row in zip(positions, rows, strict=True):
                out[position] = encoder.to_wire(row)
        return out

    def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        """Raises ``ModelError`` where a window's features are not this model's, ``DeviceError``,
        ``NonFiniteError``, and what a network raises.
        """
        steps = [self._steps(window) for window in windows]
        answers = self._execution.fuse(steps)
        return [
            self._fusion_of(answer, window) for answer, window in zip(answers, steps, strict=True)
        ]

    def _steps(self, window: Window) -> WindowSteps:
        try:
            return window_steps(window, self._encoders, self.plan.inputs, self.plan.context.steps)
        except ValueError as error:
            raise ModelError(
                self._ref.name,
                f"window at {window.start_us} µs holds features of another model or pipeline "
                f"({error}); rewind the shard so that they are encoded again",
            ) from None

    def _fusion_of(self, answer: Answer, window: WindowSteps) -> Fusion:
        if not all(np.isfinite(values).all() for values in answer.probabilities.values()):
            raise NonFiniteError("a probability of the answer is NaN or infinite")
        there = {name for name, one in zip(self.plan.inputs, window, strict=True) if len(one)}
        tasks = {
            task: dict(zip(self.plan.tasks[task].labels, map(float, values), strict=True))
            for task, values in answer.probabilities.items()
            if not self.plan.tasks[task].inputs or there & set(self.plan.tasks[task].inputs)
        }
        scores = {}
        for task, (place, rule) in self._rules.items():
            said = rule.answer(window[place].features)
            if said is not None:
                tasks[task], scores[task] = said
        return Fusion(tasks, self._modalities(answer.shares), scores=scores or None)

    def _modalities(self, of_inputs: Mapping[str, float]) -> dict[str, float]:
        shares: dict[str, float] = defaultdict(float)
        for name, share in of_inputs.items():
            shares[self._encoders[name].modality.value] += share
        total = sum(shares.values())
        return {modality: share / total for modality, share in shares.items()}

    def warm(self, max_batch: int) -> None:
        """See ``LearnedExecution.warm``; ``max_batch`` is what the pipeline file said before."""
        del max_batch
        self._execution.warm()

    def close(self) -> None:
        """Nothing is open."""


def encoder_digest(network: LearnedNetwork, name: str) -> str:
    """Digest of everything that the features of one input depend on, hex."""
    encoder = network.encoder(name)
    told = (encoder.modality.value, encoder.options.model_dump_json(), encoder.wire)
    form = f"{ARCHITECTURE}\x1f{told}\x1f{encoder.revision}\x1f{encoder.foundation()}"
    return encoders_digest(form, encoder)


def features_digest(network: LearnedNetwork) -> str:
    """Digest of everything that features depend on, hex."""
    told = [(name, encoder_digest(network, name)) for name in network.plan.inputs]
    return hashlib.sha256(repr(told).encode()).hexdigest()
