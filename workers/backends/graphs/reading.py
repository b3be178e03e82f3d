"""Reads a folder whose ``model.json`` describes graphs, and checks its files' digests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from workers.backends.graphs.description import GraphsManifest, problems
from workers.errors import ModelError
from workers.registry.layout import MODEL_FILE


@dataclass(frozen=True, slots=True)
class GraphsFolder:
    """A description and its files' bytes. ``digest``: sha256 of the description's bytes, which
    hold the digest of each file. ``files``: graph -> verified bytes; empty where a server has them.
    """

    manifest: GraphsManifest
    digest: str
    files: Mapping[str, bytes]


def read_graphs(name: str, folder: Path, *, files: bool = True) -> GraphsFolder:
    """Read and check a description and, unless ``files`` is False, what it describes.

    Raises ``ModelError``: a description that is none or wrong, a file that is missing, outside the
    folder or of another digest.
    """
    try:
        text = (folder / MODEL_FILE).read_bytes()
        manifest = msgspec.json.decode(text, type=GraphsManifest)
    except OSError as error:
        raise ModelError(name, f"{MODEL_FILE} cannot be read ({error.strerror})") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ModelError(name, f"{MODEL_FILE} is not a description of graphs: {error}") from None
    found = problems(manifest)
    if found:
        raise ModelError(name, f"{MODEL_FILE}: {found[0]}")
    blobs = (
        {
            graph: _verified(name, folder, form.file, form.sha256)
            for graph, form in manifest.graphs.items()
        }
        if files
        else {}
    )
    return GraphsFolder(manifest, hashlib.sha256(text).hexdigest(), blobs)


def _verified(name: str, folder: Path, file: str, sha256: str) -> bytes:
    if not file or Path(file).name != file:
        raise ModelError(name, f"expected the name of a file beside {MODEL_FILE}, got {file!r}")
    try:
        blob = (folder / file).read_bytes()
    except OSError as error:
        raise ModelError(
            name, f"no readable {file} beside {MODEL_FILE} ({error.strerror})"
        ) from None
    found = hashlib.sha256(blob).hexdigest()
    if found != sha256.lower():
        raise ModelError(
            name,
            f"digest mismatch: {MODEL_FILE} names sha256 {sha256} of {file}, it has {found}; one "
            "of the two is from another model or damaged",
        )
    return blob
