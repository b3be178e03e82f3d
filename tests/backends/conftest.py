"""Models of every kind, made once: untrained networks in each format that one can bring."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.model import ModelSpec
from schemas.sample import Modality
from tests.backends.cases import WHERE, Case
from tests.backends.classifiers import write_classifiers
from tests.backends.servers import Chat, Faulty, KserveGrpc, KserveHttp, http_server
from tests.workers.models import TASKS, manifest, network
from workers.backends.base import Model
from workers.backends.export import export_model
from workers.backends.graphs.description import GraphsManifest
from workers.backends.graphs.onnx import OnnxGraphs
from workers.backends.graphs.reading import read_graphs
from workers.backends.opening import open_model
from workers.device import resolve_device
from workers.model_file import save_model
from workers.registry.layout import MODEL_FILE

#: What takes longest is making graphs: these have each of the forms that differ in kind.
EXPORTED = (Modality.VIDEO, Modality.AUDIO, Modality.TEXT)


class Folders:
    """Kind -> folder of a model of that kind, made when it is first asked for: a reference model,
    its exports, classifiers, and of each an ``other-`` one that encodes otherwise.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def __getitem__(self, kind: str) -> Path:
        folder = self._root / kind
        if not folder.exists():
            self._make(kind, folder)
        return folder

    def _make(self, kind: str, folder: Path) -> None:
        plain = kind.removeprefix("other-")
        seed = 0 if plain == kind else 1
        if plain == "reference":
            save_model(folder, network(EXPORTED, seed=seed), manifest(EXPORTED))
        elif plain == "transformers":
            write_classifiers(folder, seed=seed)
        elif seed:
            _keep_as_float32(self[plain], folder)
        else:
            export_model(str(self["reference"]), folder, format=plain)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return Folders(tmp_path_factory.mktemp("models"))


def _keep_as_float32(folder: Path, made: Path) -> None:
    """A copy of a folder of graphs whose features are kept in another form."""
    shutil.copytree(folder, made)
    ours = msgspec.json.decode((folder / MODEL_FILE).read_bytes(), type=GraphsManifest)
    feature = msgspec.structs.replace(ours.feature, dtype="float32")
    changed = msgspec.structs.replace(ours, feature=feature)
    (made / MODEL_FILE).write_bytes(msgspec.json.encode(changed))


def opening(folder: Path | str, **spec: Any) -> Callable[[], Model]:
    made = ModelSpec.model_validate({"name": str(folder), **spec})
    return lambda: open_model(made, WHERE)


#: Quick enough for a test that waits for a server's time-out, slow enough for one that is busy.
REMOTE = {"timeout": "5s", "retries": 1, "concurrency": 4, "breaker_pause": "60s"}


def kserve(url: str, **rules: Any) -> dict[str, Any]:
    protocol = "grpc" if url.startswith("grpc") else "http"
    return {
        "kind": "kserve",
        "protocol": protocol,
        "url": url,
        "model": "served",
        **REMOTE,
        **rules,
    }


def chat(url: str, **rules: Any) -> dict[str, Any]:
    return {
        "kind": "chat",
        "url": url,
        "model": "vlm",
        "prompt": "What is going on?",
        "tasks": TASKS,
        **REMOTE,
        **rules,
    }


Served = tuple[Faulty, str]


@pytest.fixture
def serve(folders: Folders) -> Iterator[Callable[[str], Served]]:
    """Start a server of a kind, around the ONNX folder where it is of KServe: (server, URL)."""
    with ExitStack() as stack:

        def start(kind: str) -> Served:
            if kind == "chat":
                chat_server = Chat(judge)
                port = stack.enter_context(http_server(chat_server.routes()))
                return chat_server, f"http://127.0.0.1:{port}/v1"
            read = read_graphs("onnx", folders["onnx"])
            graphs = OnnxGraphs("onnx", read.manifest.graphs, read.files, resolve_device("cpu"), 1)
            if kind.startswith("grpc"):
                grpc_server = KserveGrpc(read.manifest, graphs, raw=kind == "grpc")
                return grpc_server, f"grpc://127.0.0.1:{stack.enter_context(grpc_server.serving())}"
            server = KserveHttp(read.manifest, graphs, binary=kind == "http")
            return server, f"http://127.0.0.1:{stack.enter_context(http_server(server.routes()))}"

        yield start


def judge(contents: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """An answer that tells what was sent: pictures, sounds, and how many words."""
    kinds = [each["type"] for each in contents]
    words = sum(len(each.get("text", "").split()) for each in contents)
    high = (1 + kinds.count("image_url")) / (3 + len(kinds))
    here = 1 / (2 + kinds.count("input_audio"))
    there = (1 - here) / (1 + words)
    return {
        "mood": {"low": 1 - high, "high": high},
        "place": {"here": here, "there": there, "nowhere": 1 - here - there},
    }


@pytest.fixture
def case(request: pytest.FixtureRequest, folders: Folders, serve: Callable[[str], Served]) -> Case:
    """One of the kinds that ``test_conformance`` names."""
    kind = request.param
    if kind == "chat":
        _, url = serve("chat")
        return Case(
            opening("vlm", remote=chat(url)), opening("vlm", remote=chat(url, max_frame_px=64))
        )
    if kind == "python":
        return Case(
            opening("loudness", python="tests.backends.own:Loudness"),
            opening("counting", python="tests.backends.test_several:Counting"),
        )
    if kind in ("http", "http-json", "grpc", "grpc-values"):
        _, url = serve(kind)
        remote = kserve(url)
        # The server batches as it likes.
        return Case(
            opening(folders["onnx"], remote=remote),
            opening(folders["other-onnx"], remote=remote),
            exact=False,
            tolerance=1e-5,
        )
    if kind == "fallback":
        _, url = serve("http")
        return Case(
            opening(folders["onnx"], remote=kserve(url), fallback=str(folders["reference"])),
            opening(folders["onnx"], remote=kserve(url), fallback=str(folders["other-reference"])),
            exact=False,
            tolerance=1e-5,
        )
    own, other = opening(folders[kind]), opening(folders[f"other-{kind}"])
    if kind in ("onnx", "transformers"):
        # Some of its kernels round a row by its place in the batch; results show 4 decimals.
        return Case(own, other, exact=False, tolerance=1e-6)
    return Case(own, other)
