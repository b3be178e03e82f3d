"""A model made of graphs, whoever runs them: files in this process, or a server."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from workers.backends.graphs import batches
from workers.backends.graphs.description import FUSE, GraphForm, GraphsManifest, encode_name
from workers.codecs import decode
from workers.codecs.forms import INPUT_FORMS
from workers.encoders.base import Array
from workers.errors import ModelError, NonFiniteError, RemoteError, WorkerError
from workers.fusion.tokens import Tokens, length_class, window_tokens

#: Rows of a graph in this process: an item is then always computed in the same shape.
_TILE = 8
#: Tokens computed at once for one tile of windows.
_TILE_TOKENS = 2_048
#: Bytes of input that one call to a server holds at most, a single row apart.
_REMOTE_BYTES = 16_000_000
#: Bytes of a token beside its feature: two int64, a float32, a bool.
_TOKEN_BYTES = 21


class GraphRunner(Protocol):
    """Runs graphs by their names."""

    @property
    def lanes(self) -> int:
        """Calls of ``run`` that may be under way at the same time."""

    @property
    def remote(self) -> str:
        """Where the graphs run, for messages; empty in this process."""

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> batches.Tensors:
        """A graph's outputs by name. Raises ``DeviceError``, ``RemoteError``, and what it likes."""

    def close(self) -> None:
        """Let go of files and connections."""


class GraphModel:
    """``workers.backends.base.Model`` over graphs that a description describes.

    In this process items are computed in shapes that depend on the item alone: its answer is the
    same to the last bit whatever else is in the batch, where kernels do not round a row by its
    place, as some of ONNX Runtime's do (1e-6). A server is sent whole batches and may batch as it
    likes.
    """

    def __init__(
        self,
        manifest: GraphsManifest,
        digest: str,
        runner: GraphRunner,
        modality_of: Mapping[str, Modality],
    ) -> None:
        """``digest``: of the description, which holds those of all files. ``modality_of``: input
        -> modality, of the pipeline that is served.
        """
        self._manifest = manifest
        self._ref = ModelRef(manifest.name, manifest.version, digest)
        self._features = _encoders_digest(manifest, runner.remote)
        self._runner = runner
        self._modality_of = dict(modality_of)
        self._wire = np.dtype({"float16": "<f2", "float32": "<f4"}[manifest.feature.dtype])

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
        """Digest of the encoders and of the form of what they make."""
        return self._features

    @property
    def lanes(self) -> int:
        """As many as its runner has."""
        return self._runner.lanes

    def decode(self, sample: Sample) -> Array | BadSample:
        """See ``workers.codecs.decode``. Raises nothing for any input."""
        return decode(sample.modality, sample.content_type, sample.payload)

    def encode(self, modality: Modality, decoded: Sequence[Array]) -> list[bytes]:
        """Features of ``size`` values of the description's type. Raises ``NonFiniteError`` and
        what the runner raises; ``RemoteError`` where a server's tensors are not as described.
        """
        name = encode_name(modality)
        form = self._manifest.graphs[name]
        shape = INPUT_FORMS[modality].shape
        item_bytes = np.dtype(INPUT_FORMS[modality].dtype).itemsize
        axis_length = batches.fixed(form, "values", 1) if 0 in shape else 0
        features: list[bytes] = [b""] * len(decoded)

        def class_of(array: Array) -> int:
            return axis_length or batches.padded_length(array, shape)

        def rows_of(length: int) -> int:
            row_bytes = item_bytes * math.prod(size or length for size in shape)
            return batches.fixed(form, "values", 0) or self._rows(_TILE, row_bytes)

        for length, places in batches.chunks(decoded, class_of, rows_of):
            rows = self._filled(form, "values", rows_of(length), len(places))
            part = [decoded[place] for place in places]
            inputs = batches.encoder_inputs(form, part, shape, length, rows)
            found = self._run(name, inputs, rows)["feature"][: len(places)]
            with np.errstate(over="ignore"):
                wire = found.astype(self._wire)
            if not np.isfinite(wire).all():
                raise NonFiniteError(_why_not_finite(modality, found, wire))
            for place, row in zip(places, wire, strict=True):
                features[place] = row.tobytes()
        return features

    def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        """Raises ``ModelError`` where a window's features are not this model's, and as ``encode``
        does.
        """
        form = self._manifest.graphs[FUSE]
        tokens = [self._tokens(window) for window in windows]
        fixed_length = batches.fixed(form, "features", 1)
        answers: dict[int, Fusion] = {}

        def class_of(window: Tokens) -> int:
            return fixed_length or length_class(window)

        def rows_of(length: int) -> int:
            row_bytes = length * (4 * self._manifest.feature.size + _TOKEN_BYTES)
            tile = max(1, min(_TILE, _TILE_TOKENS // length))
            return batches.fixed(form, "features", 0) or self._rows(tile, row_bytes)

        for length, places in batches.chunks(tokens, class_of, rows_of):
            rows = self._filled(form, "features", rows_of(length), len(places))
            part = [batches.cut_tokens(tokens[place], length) for place in places]
            inputs = batches.fusion_inputs(form, part, length, rows)
            found = self._run(FUSE, inputs, rows)
            answers.update(zip(places, self._answers(found, part), strict=True))
        return [answers[place] for place in range(len(windows))]

    def warm(self, max_batch: int) -> None:
        """Run every graph once with the shortest input."""
        del max_batch
        for modality in self.modalities:
            form = INPUT_FORMS[modality]
            shape = [size or 1 for size in form.shape]
            self.encode(modality, [np.zeros(shape, form.dtype)])
        self.fuse([Window(0, "", 0, 1, (), {}, 0)])

    def close(self) -> None:
        """Close the runner."""
        self._runner.close()

    def _rows(self, tile: int, row_bytes: int) -> int:
        """Rows of one call at most, where the graph takes any number."""
        return max(1, _REMOTE_BYTES // row_bytes) if self._runner.remote else tile

    def _filled(self, form: GraphForm, role: str, rows: int, count: int) -> int:
        """Rows of a call: a server need not be sent rows that hold nothing."""
        return count if self._runner.remote and not batches.fixed(form, role, 0) else rows

    def _run(
        self, graph: str, inputs: Mapping[str, NDArray[Any]], rows: int
    ) -> dict[str, NDArray[Any]]:
        outputs = self._runner.run(graph, inputs)
        try:
            return batches.by_role(self._manifest.graphs[graph], outputs, rows)
        except ValueError as error:
            raise self._wrong(f"{graph}: {error}") from None

    def _wrong(self, message: str) -> WorkerError:
        if self._runner.remote:
            return RemoteError(self._runner.remote, message)
        return ModelError(self._ref.name, message)

    def _tokens(self, window: Window) -> Tokens:
        try:
            return window_tokens(window, self._modality_of, self._read)
        except (ValueError, KeyError) as error:
            raise ModelError(
                self._ref.name,
                f"window at {window.start_us} µs holds features of another model or pipeline "
                f"({error}); rewind the shard so that they are encoded again",
            ) from None

    def _read(self, features: list[bytes]) -> NDArray[np.float32]:
        size = self._manifest.feature.size
        for feature in features:
            if len(feature) != size * self._wire.itemsize:
                raise ValueError(
                    f"expected features of {size * self._wire.itemsize} bytes, got {len(feature)}"
                )
        values = np.frombuffer(b"".join(features), self._wire).reshape(-1, size)
        return values.astype(np.float32)

    def _answers(
        self, outputs: Mapping[str, NDArray[Any]], windows: Sequence[Tokens]
    ) -> list[Fusion]:
        count = len(windows)
        if not all(np.isfinite(values[:count]).all() for values in outputs.values()):
            raise NonFiniteError("an output of the fusion is NaN or infinite")
        to_probabilities = (
            batches.softmax if self._manifest.answers == "logits" else batches.normalised
        )
        try:
            tasks = {
                task: to_probabilities(outputs[f"task:{task}"][:count])
                for task in self._manifest.tasks
            }
        except ValueError as error:
            raise self._wrong(f"{FUSE}: {error}") from None
        shares = outputs.get("shares")
        return [
            Fusion(
                {
                    task: dict(
                        zip(self._manifest.tasks[task], map(float, values[row]), strict=True)
                    )
                    for task, values in tasks.items()
                },
                {} if shares is None else batches.shares_of(shares[row], windows[row]),
            )
            for row in range(count)
        ]


def _why_not_finite(modality: Modality, found: NDArray[Any], wire: NDArray[Any]) -> str:
    if not np.isfinite(found).all():
        return f"the {modality.value} encoder's output is NaN or infinite"
    return (
        f"the {modality.value} encoder's output is beyond {np.finfo(wire.dtype).max:g}, the most "
        f"that {wire.dtype.name} holds; set feature.dtype to float32"
    )


def _encoders_digest(manifest: GraphsManifest, remote: str) -> str:
    """Changes with anything that a feature depends on. A server's graphs have no digest: its name
    and the model's version stand for them.
    """
    encoders = {name: form for name, form in manifest.graphs.items() if name != FUSE}
    whose = (manifest.name, manifest.version, remote) if remote else ()
    told = msgspec.json.encode((manifest.inputs, manifest.feature, encoders, whose))
    return hashlib.sha256(told).hexdigest()
