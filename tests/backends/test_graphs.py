"""Graphs from elsewhere: exports that answer like the original, and files that are not opened."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from schemas.model import ModelSpec
from schemas.sample import Modality
from tests.backends.cases import WHERE, distance, features, one, samples, window
from tests.backends.conftest import Folders
from workers.backends.base import Model
from workers.backends.export import export_model
from workers.backends.graphs.archive import check_archive
from workers.backends.graphs.description import GraphsManifest, problems
from workers.backends.opening import open_model
from workers.errors import ModelError, NonFiniteError
from workers.registry.layout import MODEL_FILE

#: Largest difference of a probability, stated in ``export_model``.
TOLERANCE = 1e-4


def opened(folder: Path | str, **spec: Any) -> Model:
    return open_model(ModelSpec(name=str(folder), **spec), WHERE)


def agree(original: Model, exported: Model) -> float:
    given = samples(original, 8)
    both = []
    for model in (original, exported):
        encoded = features(model, given)
        spans = [window(given[:count], encoded[:count]) for count in (0, 1, 5, len(given))]
        spans += [window([g], [f]) for g, f in zip(given, encoded, strict=True)]
        both.append(model.fuse(spans))
    return max(map(distance, *both))


@pytest.mark.parametrize("format", ["torch", "onnx"])
def test_an_export_answers_like_the_original(folders: Folders, format: str) -> None:
    assert agree(opened(folders["reference"]), opened(folders[format])) <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("name", ["call", "vehicle", "diagnosis"])
@pytest.mark.parametrize("format", ["torch", "onnx"])
def test_an_export_of_a_shipped_model_answers_like_it(
    tmp_path: Path, name: str, format: str
) -> None:
    export_model(name, tmp_path / "out", format=format)
    assert agree(opened(name), opened(tmp_path / "out")) <= TOLERANCE


def test_an_export_encodes_audio_of_every_length_like_the_original(
    folders: Folders,
) -> None:
    original, exported = opened(folders["reference"]), opened(folders["torch"])
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(n, 32)).astype(np.float32) for n in (1, 15, 16, 17, 100, 6_000)]
    pairs = zip(
        original.encode(Modality.AUDIO, arrays),
        exported.encode(Modality.AUDIO, arrays),
        strict=True,
    )
    for first, second in pairs:
        difference = np.frombuffer(first, "<f2") - np.frombuffer(second, "<f2")
        assert np.abs(difference).max() <= 0.005


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"format of \['onnx', 'torch'\], got 'tflite'"):
        export_model("call", tmp_path, format="tflite")


@pytest.mark.parametrize("kind", ["onnx", "transformers"])
def test_what_is_no_network_of_ours_is_not_exported_and_said_to_be_none(
    folders: Folders, tmp_path: Path, kind: str
) -> None:
    with pytest.raises(ModelError, match=r"expected a sensorium-reference-1 network .*, got \w+-1"):
        export_model(str(folders[kind]), tmp_path, format="torch")


# -- what is not opened -------------------------------------------------------------------------


@pytest.fixture
def folder(folders: Folders, tmp_path: Path) -> Path:
    """A copy of the archives, to be spoiled."""
    for path in folders["torch"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / MODEL_FILE
    tree = json.loads(path.read_text())
    change(tree)
    path.write_text(json.dumps(tree))


def test_a_file_of_another_digest_is_not_opened(folder: Path) -> None:
    with (folder / "fuse.pt2").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelError, match=r"digest mismatch: .* of fuse\.pt2"):
        opened(folder)


def test_a_file_that_is_missing_is_named(folder: Path) -> None:
    (folder / "fuse.pt2").unlink()
    with pytest.raises(ModelError, match=r"no readable fuse\.pt2"):
        opened(folder)


def test_a_file_outside_the_folder_is_refused(folder: Path) -> None:
    edit(folder, lambda tree: tree["graphs"]["fuse"].update(file="../fuse.pt2"))
    with pytest.raises(ModelError, match=r"file beside model\.json, got '\.\./fuse\.pt2'"):
        opened(folder)


def test_a_precision_that_a_graph_cannot_take_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="computes as it was exported"):
        opened(folder, precision="bfloat16")


def test_a_program_of_other_outputs_than_described_says_how_many_it_should_have(
    folder: Path,
) -> None:
    edit(folder, lambda tree: tree["graphs"]["fuse"]["outputs"].pop())
    with pytest.raises(
        ModelError, match=r"fuse\.pt2: expected 2 tensors in a tuple .*got tuple of 3"
    ):
        opened(folder).warm(1)


def test_onnx_tensors_of_other_names_are_refused(folders: Folders, tmp_path: Path) -> None:
    for path in folders["onnx"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    edit(tmp_path, lambda tree: tree["graphs"]["fuse"]["inputs"][0].update(name="tokens"))
    with pytest.raises(ModelError, match=r"inputs of fuse: expected .*'tokens'"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda tree: (
                tree["tasks"]["place"].append("far"),
                tree["graphs"]["fuse"]["outputs"][1].update(shape=[0, 4]),
            ),
            r"'task_place' of fuse: expected float32 \[0, 4\] .* the file has .* 3\]",
        ),
        (
            lambda tree: (
                tree["feature"].update(size=32),
                [
                    tensor["shape"].__setitem__(-1, 32)
                    for form in tree["graphs"].values()
                    for tensor in form["inputs"] + form["outputs"]
                    if tensor["role"] in ("feature", "features")
                ],
            ),
            r"'feature' of encode-\w+: expected float32 \[0, 32\]",
        ),
    ],
)
def test_an_onnx_file_of_other_sizes_than_described_is_refused_when_it_is_opened(
    folders: Folders,
    tmp_path: Path,
    change: Callable[[dict[str, Any]], object],
    words: str,
) -> None:
    for path in folders["onnx"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    edit(tmp_path, change)
    with pytest.raises(ModelError, match=words):
        opened(tmp_path)


def test_a_digest_may_be_written_in_capitals(folder: Path) -> None:
    edit(folder, lambda t: t["graphs"]["fuse"].update(sha256=t["graphs"]["fuse"]["sha256"].upper()))
    opened(folder).close()


def test_a_feature_that_its_type_cannot_hold_says_so(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = opened(folders["onnx"])
    large = {"feature": np.full((8, 64), 1e6, np.float32)}
    monkeypatch.setattr(model._runner, "run", lambda graph, inputs: large)  # type: ignore[attr-defined]
    with pytest.raises(NonFiniteError, match=r"beyond 65504, .* set feature\.dtype to float32"):
        model.encode(Modality.TEXT, [np.ones(3, np.int64)])


MISTAKES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no such graph": (lambda t: t["graphs"].pop("encode-text"), "expected .*'encode-text'"),
    "one label": (lambda t: t["tasks"].update(mood=["low"]), "two labels or more"),
    "a label twice": (
        lambda t: t["tasks"]["place"].__setitem__(0, t["tasks"]["place"][1]),
        "'place': expected two labels or more, none empty and none twice",
    ),
    "no name of a label": (
        lambda t: t["tasks"]["place"].__setitem__(0, ""),
        "none empty and none twice",
    ),
    "a modality twice": (lambda t: t["inputs"].append(t["inputs"][0]), "each modality once"),
    "another size": (
        lambda t: t["feature"].update(size=32),
        r"graphs\.encode-\w+: 'feature' \(feature\): expected float32 \[0, 32\]",
    ),
    "another form": (
        lambda t: t["inputs"][0].update(shape=[32, 32, 3]),
        "input 'video': expected the form",
    ),
    "a role twice": (
        lambda t: t["graphs"]["fuse"]["inputs"][1].update(role="times"),
        r"graphs\.fuse: expected the roles",
    ),
    "a type": (
        lambda t: t["graphs"]["fuse"]["inputs"][0].update(dtype="float64"),
        r"'features' \(features\): expected float32",
    ),
    "lengths of a frame": (
        lambda t: t["graphs"]["encode-video"]["inputs"].append(
            {"name": "n", "role": "lengths", "dtype": "int64", "shape": [0]}
        ),
        "no axis that varies",
    ),
    "an unknown key": (lambda t: t.update(weights="x"), "weights"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_description_is_one_line(folder: Path, mistake: str) -> None:
    change, words = MISTAKES[mistake]
    edit(folder, change)
    with pytest.raises(ModelError, match=words) as caught:
        opened(folder)
    assert "\n" not in str(caught.value)


def test_a_description_that_is_right_has_no_problems(folders: Folders) -> None:
    text = (folders["onnx"] / MODEL_FILE).read_bytes()
    assert problems(msgspec.json.decode(text, type=GraphsManifest)) == []


# -- archives that would run code ---------------------------------------------------------------


class Archive:
    """An archive to be changed part by part."""

    def __init__(self, blob: bytes) -> None:
        with zipfile.ZipFile(io.BytesIO(blob)) as file:
            self.parts = {name: file.read(name) for name in file.namelist()}

    def edit(self, part: str, change: Callable[[Any], object]) -> None:
        name = f"archive/{part}"
        tree = json.loads(self.parts[name])
        change(tree)
        self.parts[name] = json.dumps(tree).encode()

    def blob(self) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            for name, content in self.parts.items():
                file.writestr(name, content)
        return buffer.getvalue()


class Evil:
    """Unpickling it makes a folder."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (self.target,)


PROGRAM = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"


def _first_node(tree: Any) -> Any:
    return tree["graph_module"]["graph"]["nodes"][0]


def _first_symbol(tree: Any) -> Any:
    if isinstance(tree, dict):
        if "expr_str" in tree:
            return tree
        return next(filter(None, map(_first_symbol, tree.values())), None)
    return next(filter(None, map(_first_symbol, tree)), None) if isinstance(tree, list) else None


CODE: dict[str, tuple[Callable[[Archive], object], str]] = {
    "pickled weights": (
        lambda a: a.edit(
            WEIGHTS, lambda t: next(iter(t["config"].values())).update(use_pickle=True)
        ),
        "pickled",
    ),
    "a compiled library": (
        lambda a: a.parts.update({"archive/data/aotinductor/model/x.so": b"\x7fELF"}),
        "aotinductor",
    ),
    "a call of torch.load": (
        lambda a: a.edit(PROGRAM, lambda t: _first_node(t).update(target="torch.load")),
        r"'torch\.load'",
    ),
    "an operator that reads files": (
        lambda a: a.edit(
            PROGRAM, lambda t: _first_node(t).update(target="torch.ops.aten.from_file.default")
        ),
        "from_file",
    ),
    "an expression that is Python": (
        lambda a: a.edit(
            PROGRAM,
            lambda t: _first_symbol(t).update(expr_str="__import__('os').getcwd()"),
        ),
        "symbolic expression",
    ),
    "a symbol that is not one": (
        lambda a: a.edit(PROGRAM, lambda t: _first_symbol(t).update(expr_str="Symbol('print(1)')")),
        "symbolic expression",
    ),
    "source in a name": (
        lambda a: a.edit(
            PROGRAM,
            lambda t: _first_node(t)["inputs"][0].update(name="self=print(1)"),
        ),
        "expected a name",
    ),
    "a module to import": (
        lambda a: a.edit(
            PROGRAM,
            lambda t: t["graph_module"]["module_call_graph"][0]["signature"].update(
                in_spec='[1, {"type": "collections.defaultdict", "context": "[\\"os\\"]"}]'
            ),
        ),
        "tuples, lists and dicts",
    ),
}


@pytest.mark.parametrize("code", CODE)
def test_an_archive_that_brings_code_is_refused(folders: Folders, code: str) -> None:
    change, words = CODE[code]
    archive = Archive((folders["torch"] / "encode-audio.pt2").read_bytes())
    check_archive(archive.blob())
    change(archive)
    with pytest.raises(ValueError, match=words):
        check_archive(archive.blob())


def test_sample_inputs_that_would_run_code_are_refused_without_running_it(
    folders: Folders, tmp_path: Path
) -> None:
    archive = Archive((folders["torch"] / "encode-audio.pt2").read_bytes())
    buffer = io.BytesIO()
    torch.save(Evil(tmp_path / "made"), buffer)
    archive.parts["archive/data/sample_inputs/model.pt"] = buffer.getvalue()
    with pytest.raises(ValueError, match="sample inputs"):
        check_archive(archive.blob())
    assert not (tmp_path / "made").exists()


def test_what_is_no_archive_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="a zip"):
        check_archive(b"not a zip")


def test_texts_of_every_length_are_encoded_alike_alone_and_together(
    folders: Folders,
) -> None:
    model = opened(folders["torch"])
    given = [one(Modality.TEXT, seed) for seed in range(40)]
    encoded = features(model, given)
    assert encoded == [features(model, [each])[0] for each in given]
