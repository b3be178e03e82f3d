"""The reference model: encoders and fusion of ``model.json`` + ``model.safetensors``, by torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch

from schemas.model import ModelSpec
from schemas.pipeline import Pipeline
from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from workers.backends.base import Decoded
from workers.backends.execution import Execution, NotePadding, note_nothing
from workers.codecs import decode
from workers.device import resolve_device, set_threads
from workers.encoders.base import Array
from workers.encoders.feature import to_wire
from workers.encoders.identity import encoders_digest
from workers.errors import ModelError, NonFiniteError
from workers.fusion.network import Answer, Network
from workers.fusion.tokens import Tokens, window_tokens
from workers.model_file import LoadedModel, load_model


class ReferenceModel:
    """``workers.backends.base.Model`` by the networks of this package, on one device."""

    def __init__(
        self,
        model: LoadedModel,
        modality_of: Mapping[str, Modality],
        device: torch.device,
        spec: ModelSpec | None = None,
        *,
        note_padding: NotePadding = note_nothing,
    ) -> None:
        """``modality_of``: input -> modality, of the pipeline that is served. ``spec``: how the
        network is run; as in a pipeline file that does not say where ``None``.

        Raises ``DeviceError`` where it cannot be run so on this device.
        """
        spec = spec or ModelSpec(name=model.ref.name)
        self._manifest = model.manifest
        self._ref = model.ref
        self._modality_of = dict(modality_of)
        self._features = encoders_digest(model.manifest.architecture, model.network.encoders)
        if spec.precision != "float32":
            self._features += f"-{spec.precision}"
        self._execution = Execution(
            model.network,
            device,
            max_batch=spec.max_batch,
            precision=spec.precision,
            compile=spec.compile,
            note_padding=note_padding,
        )

    @classmethod
    def load(
        cls,
        pipeline: Pipeline,
        *,
        device: str = "auto",
        threads: int | None = None,
        note_padding: NotePadding = note_nothing,
    ) -> ReferenceModel:
        """The pipeline's model by its name or folder. ``threads``: see ``set_threads``.

        Raises ``ModelError`` and ``DeviceError``.
        """
        set_threads(threads)
        modality_of = {name: spec.modality for name, spec in pipeline.inputs.items()}
        return cls(
            load_model(pipeline.model.name),
            modality_of,
            resolve_device(device),
            pipeline.model,
            note_padding=note_padding,
        )

    @property
    def network(self) -> Network:
        """The network, on its device."""
        return self._execution.network

    @property
    def ref(self) -> ModelRef:
        """How results name this model."""
        return self._ref

    @property
    def modalities(self) -> Collection[Modality]:
        """The modalities it takes."""
        return self._manifest.modalities

    @property
    def tasks(self) -> Mapping[str, Sequence[str]]:
        """Task -> labels."""
        return self._manifest.tasks

    @property
    def features(self) -> str:
        """The digest of the encoders; another fusion over the same ones can use their features."""
        return self._features

    @property
    def lanes(self) -> int:
        """One: batches at the same time would only take the device from each other."""
        return 1

    def decode(self, sample: Sample) -> Decoded | BadSample:
        """See ``workers.codecs.decode``. Raises nothing for any input."""
        return decode(sample.modality, sample.content_type, sample.payload)

    def encode(self, modality: Modality, decoded: Sequence[Array]) -> list[bytes]:
        """Features of ``feature.FEATURE_BYTES`` bytes. Raises ``DeviceError``, ``NonFiniteError``,
        and what a network raises.
        """
        rows = self._execution.encode(modality, decoded)
        if not np.isfinite(rows).all():
            raise NonFiniteError(f"the {modality.value} encoder's output is NaN or infinite")
        return [to_wire(row) for row in rows]

    def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        """Raises ``ModelError`` where a window's features are not this model's, ``DeviceError``,
        ``NonFiniteError``, and what a network raises.
        """
        answers = self._execution.fuse([self._tokens(window) for window in windows])
        return [self._fusion_of(answer) for answer in answers]

    def _tokens(self, window: Window) -> Tokens:
        try:
            return window_tokens(window, self._modality_of)
        except (ValueError, KeyError) as error:
            raise ModelError(
                self._ref.name,
                f"window at {window.start_us} µs holds features of another model or pipeline "
                f"({error}); rewind the shard so that they are encoded again",
            ) from None

    def _fusion_of(self, answer: Answer) -> Fusion:
        if not all(np.isfinite(values).all() for values in answer.probabilities.values()):
            raise NonFiniteError("a probability of the answer is NaN or infinite")
        return Fusion(
            {
                task: dict(zip(self.network.tasks[task], map(float, values), strict=True))
                for task, values in answer.probabilities.items()
            },
            {modality.value: share for modality, share in answer.shares.items()},
        )

    def warm(self, max_batch: int) -> None:
        """See ``Execution.warm``; ``max_batch`` is what the pipeline file said before."""
        del max_batch
        self._execution.warm()

    def close(self) -> None:
        """Nothing is open."""
