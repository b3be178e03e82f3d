"""A model of Hugging Face classifiers, one a modality, their opinions pooled."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from schemas.model import ModelSpec
from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import Fusion
from workers.backends.huggingface.classifier import Classifier
from workers.backends.huggingface.description import read_classifiers
from workers.errors import ModelError, NonFiniteError

#: Changes with what a classifier is given for a sample.
_FORM = "classifiers 2"
#: A probability of zero would rule a label out whatever the others say.
_LEAST = 1e-9


class ClassifiersModel:
    """``workers.backends.base.Model`` of classifiers; see ``description`` for what it computes."""

    def __init__(
        self,
        name: str,
        folder: Path,
        spec: ModelSpec,
        modality_of: Mapping[str, Modality],
        device: torch.device,
    ) -> None:
        """``modality_of``: input -> modality. Raises ``ModelError``."""
        if spec.compile != "none":
            raise ModelError(name, f"expected compile: none for classifiers, got {spec.compile}")
        self._manifest, digest = read_classifiers(name, folder)
        self._ref = ModelRef(self._manifest.name, self._manifest.version, digest)
        self._modality_of = dict(modality_of)
        self._features = hashlib.sha256(
            msgspec.json.encode((_FORM, self._manifest.classifiers, spec.precision))
        ).hexdigest()
        self._classifiers = {
            modality: Classifier(
                name,
                folder / self._manifest.classifiers[modality.value].folder,
                modality,
                self._manifest.classifiers[modality.value],
                device,
                getattr(torch, spec.precision),
            )
            for modality in self._manifest.modalities
        }

    @property
    def ref(self) -> ModelRef:
        """How results name this model; the digest is that of ``model.json``, which has all."""
        return self._ref

    @property
    def modalities(self) -> Collection[Modality]:
        """The modalities that have a classifier."""
        return self._manifest.modalities

    @property
    def tasks(self) -> Mapping[str, Sequence[str]]:
        """Task -> labels."""
        return self._manifest.tasks

    @property
    def features(self) -> str:
        """Digest of the classifiers and their precision."""
        return self._features

    @property
    def lanes(self) -> int:
        """One: batches at the same time would only take the device from each other."""
        return 1

    def decode(self, sample: Sample) -> Any:
        """See ``Classifier.decode``. Raises nothing for any input."""
        return self._classifiers[sample.modality].decode(sample)

    def encode(self, modality: Modality, decoded: Sequence[Any]) -> list[bytes]:
        """Logits, float32. Raises ``DeviceError``, ``NonFiniteError`` and what a network raises."""
        rows = self._classifiers[modality].logits(decoded)
        if not np.isfinite(rows).all():
            raise NonFiniteError(f"the {modality.value} classifier's output is NaN or infinite")
        return [row.astype("<f4").tobytes() for row in rows]

    def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        """Raises ``ModelError`` where a window's features are not this model's."""
        return [self._fused(window) for window in windows]

    def warm(self, max_batch: int) -> None:
        """Run every classifier once."""
        del max_batch
        for classifier in self._classifiers.values():
            classifier.logits([classifier.example()])

    def close(self) -> None:
        """Nothing is open."""

    def _fused(self, window: Window) -> Fusion:
        opinions: dict[Modality, list[NDArray[np.float64]]] = {}
        for sample in window.samples:
            modality = self._modality_of.get(sample.input)
            if modality not in self._classifiers:
                raise self._foreign(window, f"of input {sample.input!r}")
            opinions.setdefault(modality, []).append(
                self._opinion(modality, sample.feature, window)
            )
        pooled: dict[str, list[NDArray[np.float64]]] = {task: [] for task in self.tasks}
        for modality, found in opinions.items():
            task = self._manifest.classifiers[modality.value].task
            pooled[task].append(np.mean(found, axis=0))
        tasks = {}
        for task, labels in self.tasks.items():
            if not pooled[task]:
                continue
            mean = np.mean(pooled[task], axis=0)
            raised = np.exp(mean - mean.max())
            tasks[task] = dict(zip(labels, map(float, raised / raised.sum()), strict=True))
        return Fusion(tasks, self._shares(opinions))

    def _opinion(self, modality: Modality, feature: bytes, window: Window) -> NDArray[np.float64]:
        """Logarithms of the probabilities of a task's labels, by one sample."""
        form = self._manifest.classifiers[modality.value]
        if len(feature) != 4 * len(form.labels):
            raise self._foreign(window, f"of {len(feature)} bytes")
        logits = np.frombuffer(feature, "<f4").astype(np.float64)
        raised = np.exp(logits - logits.max())
        told = raised / raised.sum()
        labels = self.tasks[form.task]
        sums = [
            sum(told[i] for i, own in enumerate(form.labels) if own == label) for label in labels
        ]
        return np.log(np.maximum(sums, _LEAST))

    def _shares(self, opinions: Collection[Modality]) -> dict[str, float]:
        by_task: dict[str, list[Modality]] = {}
        for modality in opinions:
            by_task.setdefault(self._manifest.classifiers[modality.value].task, []).append(modality)
        return {
            modality.value: 1.0 / len(modalities) / len(by_task)
            for modalities in by_task.values()
            for modality in modalities
        }

    def _foreign(self, window: Window, what: str) -> ModelError:
        return ModelError(
            self._ref.name,
            f"window at {window.start_us} µs holds features {what}, of another model or pipeline; "
            "rewind the shard so that they are encoded again",
        )
