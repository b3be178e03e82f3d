"""Models of every kind, made once: untrained networks in each format that one can bring."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from schemas.model import ModelSpec
from schemas.sample import Modality
from tests.backends.cases import WHERE, Case
from tests.workers.models import manifest, network
from workers.backends.base import Model
from workers.backends.export import export_model
from workers.backends.graphs.description import GraphsManifest
from workers.backends.opening import open_model
from workers.model_file import save_model
from workers.registry.layout import MODEL_FILE

#: What takes longest is making graphs: these have each of the forms that differ in kind.
EXPORTED = (Modality.VIDEO, Modality.AUDIO, Modality.TEXT, Modality.OBJECTS)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Kind -> folder: a reference model and its exports, and ``other`` with other weights."""
    root = tmp_path_factory.mktemp("models")
    save_model(root / "reference", network(EXPORTED), manifest(EXPORTED))
    save_model(root / "other-reference", network(EXPORTED, seed=1), manifest(EXPORTED))
    text = (Modality.TEXT,)
    save_model(root / "text", network(text, seed=1), manifest(text))
    for format in ("torch", "onnx"):
        export_model(str(root / "reference"), root / format, format=format)
        export_model(str(root / "text"), root / f"text-{format}", format=format)
        _exchange(root / format, root / f"text-{format}", root / f"other-{format}", "encode-text")
    return {path.name: path for path in root.iterdir()}


def _exchange(folder: Path, donor: Path, made: Path, graph: str) -> None:
    """A copy of a folder of graphs, one of them another folder's."""
    shutil.copytree(folder, made)
    theirs = msgspec.json.decode((donor / MODEL_FILE).read_bytes(), type=GraphsManifest)
    ours = msgspec.json.decode((folder / MODEL_FILE).read_bytes(), type=GraphsManifest)
    file = theirs.graphs[graph].file
    shutil.copy(donor / file, made / file)
    changed = msgspec.structs.replace(ours, graphs={**ours.graphs, graph: theirs.graphs[graph]})
    (made / MODEL_FILE).write_bytes(msgspec.json.encode(changed))


def opening(folder: Path) -> Callable[[], Model]:
    return lambda: open_model(ModelSpec(name=str(folder)), WHERE)


@pytest.fixture
def case(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Case:
    """One of the kinds that ``test_conformance`` names."""
    kind = request.param
    own, other = opening(folders[kind]), opening(folders[f"other-{kind}"])
    if kind == "onnx":
        # Some of its kernels round a row by its place in the batch; results show 4 decimals.
        return Case(own, other, exact=False, tolerance=1e-6)
    return Case(own, other)
