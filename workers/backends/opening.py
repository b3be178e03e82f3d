"""Opens the model that a pipeline file names, of whatever kind it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import torch

from schemas.model import ModelSpec
from schemas.sample import Modality
from workers.backends.base import Model
from workers.backends.export import EXPORTED, ONNX
from workers.backends.graphs.exported import ExportedGraphs
from workers.backends.graphs.model import GraphModel, GraphRunner
from workers.backends.graphs.onnx import OnnxGraphs
from workers.backends.graphs.reading import read_graphs
from workers.backends.reference import ReferenceModel
from workers.device import resolve_device, set_threads
from workers.errors import ModelError
from workers.model_file import ARCHITECTURE, load_model, resolve_folder
from workers.registry.layout import MODEL_FILE


class _Kind(msgspec.Struct):
    """What of a ``model.json`` tells its kind."""

    architecture: str


def open_model(
    spec: ModelSpec,
    modality_of: Mapping[str, Modality],
    *,
    device: str = "auto",
    threads: int | None = None,
) -> Model:
    """The model of a pipeline's ``model:`` section, on a device, not warm yet. Blocks.

    ``modality_of``: input -> modality, of the pipeline that is served. ``threads``: see
    ``set_threads``. Raises ``ModelError`` and ``DeviceError``; ``RemoteError`` where a server does
    not answer.
    """
    set_threads(threads)
    return _local(spec.name, spec, modality_of, resolve_device(device), threads or 1)


def _local(
    name: str,
    spec: ModelSpec,
    modality_of: Mapping[str, Modality],
    device: torch.device,
    threads: int,
) -> Model:
    """A model whose weights are on this machine; ``model.json`` tells which kind it is."""
    folder = resolve_folder(name)
    architecture = architecture_of(name, folder)
    if architecture == ARCHITECTURE:
        return ReferenceModel(load_model(name), modality_of, device)
    if architecture in (EXPORTED, ONNX):
        _check_plain(name, spec, architecture)
        described = read_graphs(name, folder)
        forms = described.manifest.graphs
        runner: GraphRunner = (
            ExportedGraphs(name, forms, described.files, device)
            if architecture == EXPORTED
            else OnnxGraphs(name, forms, described.files, device, threads)
        )
        return GraphModel(described.manifest, described.digest, runner, modality_of)
    raise ModelError(
        name,
        f"expected an architecture of {[ARCHITECTURE, EXPORTED, ONNX]}, got {architecture!r}; "
        "use the release it was made for",
    )


def architecture_of(name: str, folder: Path) -> str:
    """The ``architecture`` of a folder's ``model.json``. Raises ``ModelError``."""
    try:
        return msgspec.json.decode((folder / MODEL_FILE).read_bytes(), type=_Kind).architecture
    except OSError as error:
        raise ModelError(name, f"{MODEL_FILE} cannot be read ({error.strerror})") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ModelError(name, f"{MODEL_FILE} is not a model description: {error}") from None


def _check_plain(name: str, spec: ModelSpec, architecture: str) -> None:
    """Graphs compute as they were exported."""
    if spec.precision != "float32" or spec.compile != "none":
        raise ModelError(
            name,
            f"{architecture} computes as it was exported; expected precision: float32 and "
            f"compile: none, got {spec.precision} and {spec.compile}",
        )
