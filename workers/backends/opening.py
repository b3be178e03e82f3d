"""Opens the model that a pipeline file names, of whatever kind it is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from schemas.model import ModelSpec
from schemas.pipeline import Pipeline
from schemas.remote import ChatRemote, KserveRemote
from schemas.sample import Modality
from workers.backends.base import Model, StatefulModel
from workers.backends.chat.model import ChatModel
from workers.backends.execution import NotePadding, note_nothing
from workers.backends.export import EXPORTED, ONNX
from workers.backends.fallback import FallbackModel
from workers.backends.graphs.exported import ExportedGraphs
from workers.backends.graphs.model import GraphModel, GraphRunner
from workers.backends.graphs.onnx import OnnxGraphs
from workers.backends.graphs.reading import read_graphs
from workers.backends.huggingface.model import ClassifiersModel
from workers.backends.kserve.graphs import KserveGraphs
from workers.backends.own import open_own
from workers.backends.reference import ReferenceModel
from workers.device import resolve_device, set_threads
from workers.errors import ModelError, RemoteError
from workers.learned.file import load_learned
from workers.learned.model import ARCHITECTURE as LEARNED
from workers.learned.model import LearnedModel
from workers.model_file import ARCHITECTURE, architecture_of, load_model, resolve_folder
from workers.vehicle.fusion.manifest import ARCHITECTURE as OBJECTS
from workers.vehicle.model import open_tracking

#: ``architecture`` of classifiers of Hugging Face's transformers.
CLASSIFIERS = "transformers-1"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a model is opened. ``modality_of``: input -> modality, of the pipeline that is served.
    ``threads``: see ``set_threads``. ``find``: the folder of a model's name and, where one is
    given, version. ``note_padding``: told of what a network of this package is run over.
    ``pipeline``: the whole of it, which a model that tracks objects has to know.
    """

    modality_of: Mapping[str, Modality]
    device: str = "auto"
    threads: int | None = None
    find: Callable[[str, str | None], Path] = lambda name, version: resolve_folder(name)
    note_padding: NotePadding = note_nothing
    pipeline: Pipeline | None = None


def open_model(spec: ModelSpec, where: Surroundings) -> Model:
    """The model of a pipeline's ``model:`` section, not warm yet. Blocks.

    A server is asked whether it has what is described; where it does not answer that is an error,
    unless there is a fall-back to answer for it.

    Raises ``ModelError``, ``DeviceError`` and ``RemoteError``.
    """
    set_threads(where.threads)
    model = _named(spec, where)
    if spec.fallback is None or isinstance(model, StatefulModel):
        # Nobody answers for a model that keeps state: whoever serves it refuses to.
        return model
    try:
        local = _local(where.find(spec.fallback, None), spec, where)
        return FallbackModel(model, local)
    except BaseException:
        model.close()
        raise


def _named(spec: ModelSpec, where: Surroundings) -> Model:
    if spec.python is not None:
        return open_own(spec.name, spec.python, spec.options)
    if isinstance(spec.remote, KserveRemote):
        return _kserve(spec, spec.remote, where)
    if isinstance(spec.remote, ChatRemote):
        chat = ChatModel(spec.name, spec.remote)
        _check_remote(chat, chat.check, spec)
        return chat
    return _local(where.find(spec.name, spec.version), spec, where)


def _kserve(spec: ModelSpec, remote: KserveRemote, where: Surroundings) -> Model:
    described = read_graphs(spec.name, where.find(spec.name, spec.version), files=False)
    graphs = KserveGraphs(spec.name, described.manifest.graphs, remote)
    model = GraphModel(described.manifest, described.digest, graphs, where.modality_of)
    _check_remote(model, graphs.check, spec)
    return model


def _check_remote(model: Model, check: Callable[[], None], spec: ModelSpec) -> None:
    try:
        check()
    except RemoteError as error:
        if spec.fallback is None or not error.retriable:
            model.close()
            raise
        log.warning("%s is not there yet: %s", spec.name, error)
    except BaseException:
        model.close()
        raise


def _local(folder: Path, spec: ModelSpec, where: Surroundings) -> Model:
    """A model whose weights are on this machine; ``model.json`` tells which kind it is."""
    name, device = str(folder), resolve_device(where.device)
    architecture = architecture_of(folder)
    if architecture == ARCHITECTURE:
        return ReferenceModel(
            load_model(name), where.modality_of, device, spec, note_padding=where.note_padding
        )
    if architecture == LEARNED:
        learned = load_learned(folder)
        return LearnedModel(
            learned.network,
            learned.manifest.ref,
            where.modality_of,
            device,
            spec,
            note_padding=where.note_padding,
        )
    if architecture in (EXPORTED, ONNX):
        return _graphs(folder, architecture, spec, where, device)
    if architecture == CLASSIFIERS:
        return ClassifiersModel(name, folder, spec, where.modality_of, device)
    if architecture == OBJECTS:
        _check_plain(name, spec, architecture, "in float64")
        return open_tracking(folder, where.pipeline)
    known = [ARCHITECTURE, LEARNED, EXPORTED, ONNX, CLASSIFIERS, OBJECTS]
    raise ModelError(
        name,
        f"expected an architecture of {known}, got {architecture!r}; use the release it was made "
        "for",
    )


def _graphs(
    folder: Path, architecture: str, spec: ModelSpec, where: Surroundings, device: torch.device
) -> Model:
    name = str(folder)
    _check_plain(name, spec, architecture)
    described = read_graphs(name, folder)
    forms, files = described.manifest.graphs, described.files
    runner: GraphRunner = (
        ExportedGraphs(name, forms, files, device)
        if architecture == EXPORTED
        else OnnxGraphs(name, forms, files, device, where.threads or 1)
    )
    return GraphModel(described.manifest, described.digest, runner, where.modality_of)


def _check_plain(
    name: str, spec: ModelSpec, architecture: str, how: str = "as it was exported"
) -> None:
    """Graphs compute as they were exported, and a tracker in one way only."""
    if spec.precision != "float32" or spec.compile != "none":
        raise ModelError(
            name,
            f"{architecture} computes {how}; expected precision: float32 and "
            f"compile: none, got {spec.precision} and {spec.compile}",
        )
