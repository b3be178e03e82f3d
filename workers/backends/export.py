"""Writes a reference model as graphs in an open format: ``torch.export`` archives or ONNX.

The folder it makes is a model like any other, and an example of what ``model.json`` has to say of
graphs from elsewhere (see ``workers.backends.graphs.description``).
"""

from __future__ import annotations

import hashlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from schemas.sample import Modality
from workers.backends.extras import require
from workers.backends.graphs.description import (
    FUSE,
    FUSION_INPUTS,
    MIN_LENGTH,
    FeatureForm,
    GraphForm,
    GraphsManifest,
    TensorForm,
    encode_name,
)
from workers.codecs.forms import INPUT_FORMS
from workers.encoders.audio import AudioEncoder
from workers.encoders.base import FEATURE_SIZE, Encoder
from workers.encoders.objects import ObjectsEncoder
from workers.errors import ModelError
from workers.fusion.network import Network
from workers.fusion.tokens import MODALITIES, TokenBatch
from workers.model_file import (
    ARCHITECTURE,
    LoadedModel,
    architecture_of,
    load_model,
    resolve_folder,
)
from workers.registry.layout import MODEL_FILE

EXPORTED = "torch-export-1"
ONNX = "onnx-1"
#: Format as a user names it -> the architecture in ``model.json``.
FORMATS = {"torch": EXPORTED, "onnx": ONNX}
_EXTENSIONS = {EXPORTED: "pt2", ONNX: "onnx"}
#: ONNX operators of 2023, which ONNX Runtime and Triton of the last years have.
_OPSET = 20
#: Rows of the example that a graph is traced with; 0 and 1 would be taken for fixed.
_EXAMPLE_ROWS = 3


class _Padded(nn.Module):
    """An encoder whose second argument tells which of a sample's places are padding."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def _valid(self, values: Tensor, lengths: Tensor) -> Tensor:
        return (torch.arange(values.shape[1], device=values.device) < lengths[:, None]).float()


class _PaddedAudio(_Padded):
    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        # An empty row still needs one frame to be averaged over.
        return self.encoder(values, self._valid(values, lengths.clamp_min(1)))  # type: ignore[no-any-return]


class _PaddedObjects(_Padded):
    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        return self.encoder(values, self._valid(values, lengths)[..., None])  # type: ignore[no-any-return]


class _Bag(nn.Module):
    """The text encoder with its bag of embeddings written out: ONNX has no such operator."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, values: Tensor) -> Tensor:
        inner: Any = self.encoder
        there = (values != 0).float()[..., None]
        rows = torch.nn.functional.embedding(values, inner.bag.weight) * there
        mean = rows.sum(dim=1) / there.sum(dim=1).clamp_min(1.0)
        return inner.project(inner.hidden(inner.norm(mean)))  # type: ignore[no-any-return]


class _Fuse(nn.Module):
    """A fusion form with plain tensors in and out, in the order of the description."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.fusion = network.fusion

    def forward(
        self, features: Tensor, modalities: Tensor, sensors: Tensor, times: Tensor, present: Tensor
    ) -> tuple[Tensor, ...]:
        output = self.fusion(TokenBatch(features, modalities, sensors, times, present))
        return (*output.logits.values(), output.shares)


def export_model(name: str, folder: Path, *, format: str) -> GraphsManifest:
    """Write the model of a name or folder as graphs of a format (``torch`` or ``onnx``).

    Returns the description written. Answers agree with the original's to 1e-4 in every
    probability. Raises ``ModelError`` where the model cannot be read, the format is not one of
    these or its packages are not installed.
    """
    if format not in FORMATS:
        raise ModelError(name, f"expected a format of {sorted(FORMATS)}, got {format!r}")
    architecture = FORMATS[format]
    if architecture == ONNX:
        require("onnxscript", "onnx")
    kind = architecture_of(resolve_folder(name))
    if kind != ARCHITECTURE:
        raise ModelError(
            name,
            f"expected a {ARCHITECTURE} network to write as graphs, got {kind}; other "
            "kinds are served as they are",
        )
    model = load_model(name)
    folder.mkdir(parents=True, exist_ok=True)
    manifest = _description(model, architecture)
    graphs = {}
    for graph, module, example in _modules(model):
        form = manifest.graphs[graph]
        blob = (_to_onnx if architecture == ONNX else _to_archive)(module, example, form)
        file = f"{graph}.{_EXTENSIONS[architecture]}"
        (folder / file).write_bytes(blob)
        digest = hashlib.sha256(blob).hexdigest()
        graphs[graph] = msgspec.structs.replace(form, file=file, sha256=digest)
    manifest = msgspec.structs.replace(manifest, graphs=graphs)
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (folder / MODEL_FILE).write_bytes(text + b"\n")
    return manifest


def _description(model: LoadedModel, architecture: str) -> GraphsManifest:
    manifest = model.manifest
    graphs = {encode_name(m): _encoder_form(m) for m in manifest.modalities}
    graphs[FUSE] = _fusion_form(manifest.tasks)
    return GraphsManifest(
        name=manifest.name,
        version=manifest.version,
        architecture=architecture,
        inputs=manifest.inputs,
        tasks=manifest.tasks,
        feature=FeatureForm(FEATURE_SIZE, "float16"),
        graphs=graphs,
        answers="logits",
        description=f"exported from {manifest.architecture}, weights sha256 {manifest.sha256}",
    )


def _encoder_form(modality: Modality) -> GraphForm:
    form = INPUT_FORMS[modality]
    inputs = [TensorForm("values", "values", form.dtype, [0, *form.shape])]
    if modality in (Modality.AUDIO, Modality.OBJECTS):
        inputs.append(TensorForm("lengths", "lengths", "int64", [0]))
    return GraphForm(inputs, [TensorForm("feature", "feature", "float32", [0, FEATURE_SIZE])])


def _fusion_form(tasks: Mapping[str, Sequence[str]]) -> GraphForm:
    inputs = [
        TensorForm(role, role, dtype, [0, 0, *((FEATURE_SIZE,) if role == "features" else ())])
        for role, dtype in FUSION_INPUTS.items()
    ]
    outputs = [
        TensorForm(f"task_{task}", f"task:{task}", "float32", [0, len(labels)])
        for task, labels in tasks.items()
    ]
    return GraphForm(
        inputs, [*outputs, TensorForm("shares", "shares", "float32", [0, len(MODALITIES)])]
    )


def _modules(model: LoadedModel) -> Iterator[tuple[str, nn.Module, tuple[Tensor, ...]]]:
    """Each graph's name, module and an example of its arguments."""
    for modality in model.manifest.modalities:
        encoder = model.network.encoder(modality)
        form = INPUT_FORMS[modality]
        full = [size or 2 * MIN_LENGTH for size in form.shape]
        values = torch.ones((_EXAMPLE_ROWS, *full), dtype=getattr(torch, form.dtype))
        lengths = torch.arange(1, _EXAMPLE_ROWS + 1)
        if isinstance(encoder, AudioEncoder):
            yield encode_name(modality), _PaddedAudio(encoder), (values, lengths)
        elif isinstance(encoder, ObjectsEncoder):
            yield encode_name(modality), _PaddedObjects(encoder), (values, lengths)
        elif modality is Modality.TEXT:
            yield encode_name(modality), _Bag(encoder), (values,)
        else:
            yield encode_name(modality), encoder, (values,)
    full = [_EXAMPLE_ROWS, 2 * MIN_LENGTH]
    tokens = {role: torch.ones(full, dtype=getattr(torch, t)) for role, t in FUSION_INPUTS.items()}
    tokens["features"] = torch.ones((*full, FEATURE_SIZE))
    yield FUSE, _Fuse(model.network), tuple(tokens.values())


def _axes(form: GraphForm) -> tuple[dict[int, Any], ...]:
    """The axes of each argument that may have any size: rows, and the padded length."""
    rows = torch.export.Dim("rows", min=1, max=4_096)
    padded = torch.export.Dim("padded", min=1, max=512) * MIN_LENGTH
    names = {0: rows, 1: padded}
    return tuple(
        {axis: names[axis] for axis, size in enumerate(each.shape) if size == 0}
        for each in form.inputs
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporters' notes on their own insides."""
    level = logging.getLogger().level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
            logging.getLogger().setLevel(level)


def _program(
    module: nn.Module, example: tuple[Tensor, ...], form: GraphForm
) -> torch.export.ExportedProgram:
    with _quiet(), torch.no_grad():
        return torch.export.export(module.eval(), example, dynamic_shapes=_axes(form), strict=False)


def _to_archive(module: nn.Module, example: tuple[Tensor, ...], form: GraphForm) -> bytes:
    buffer = io.BytesIO()
    with _quiet():
        torch.export.save(_program(module, example, form), buffer)
    return buffer.getvalue()


def _to_onnx(module: nn.Module, example: tuple[Tensor, ...], form: GraphForm) -> bytes:
    program = _program(module, example, form)
    with _quiet():
        converted = torch.onnx.export(
            program,
            input_names=[each.name for each in form.inputs],
            output_names=[each.name for each in form.outputs],
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
        assert converted is not None
        return bytes(converted.model_proto.SerializeToString())
