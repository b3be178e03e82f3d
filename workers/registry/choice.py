"""Which folder a pipeline's ``model:`` section means now, and whether that can change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from schemas.model import ModelSpec
from schemas.pipeline import Pipeline
from workers.errors import ModelError
from workers.inference.compute import ModelCompute
from workers.registry.history import standing
from workers.registry.layout import MODEL_FILE, read_identity
from workers.registry.store import Registry


@dataclass(frozen=True, slots=True)
class Choice:
    """A version of a model and where it lies.

    ``source``: the pipeline file ``pinned`` it, it is the ``active`` one, the ``shipped`` one of a
    model of which none was ever activated, or the ``folder`` that the pipeline file names.
    ``since``: when it was activated; another activation of the same version is another choice.
    """

    name: str
    version: str
    folder: Path
    source: Literal["pinned", "active", "shipped", "folder"]
    since: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A model that may answer. ``choice``: what it is, ``None`` where it lies in no folder.
    ``refused``: what should have answered in its place, and why it cannot.
    """

    compute: ModelCompute
    choice: Choice | None = None
    refused: tuple[Choice, str] | None = None


def is_local(spec: ModelSpec) -> bool:
    """Whether the model is one that lies in a folder, and answers from it."""
    return spec.python is None and spec.remote is None


def can_change(choice: Choice) -> bool:
    """Whether an activation changes what is chosen."""
    return choice.source in ("active", "shipped")


def choose(spec: ModelSpec, registry: Registry) -> Choice:
    """What ``model:`` means now. Raises ``ModelError`` where it means nothing."""
    if "/" in spec.name or _is_own_folder(spec.name, registry):
        return _folder(spec)
    if spec.version is not None:
        folder = registry.folder(spec.name, spec.version)
        return Choice(spec.name, spec.version, folder, "pinned")
    history = registry.history(spec.name)
    if history:
        last = history[-1]
        folder = registry.folder(spec.name, last.version)
        return Choice(spec.name, last.version, folder, "active", last.at)
    shipped = registry.shipped(spec.name)
    if shipped is not None:
        return Choice(spec.name, shipped, registry.folder(spec.name, shipped), "shipped")
    if versions := registry.versions(spec.name):
        raise ModelError(
            spec.name,
            f"expected an active version, got {versions} of which none is; run `sensorium models "
            f"activate {spec.name} {versions[-1]}`",
        )
    raise ModelError(
        spec.name,
        f"expected one of {registry.names()} or a folder with {MODEL_FILE}, found neither in "
        f"{registry.root}; add it with `sensorium models add`",
    )


def fall_backs(choice: Choice, registry: Registry) -> list[Choice]:
    """What a worker may start with where the chosen version cannot be used: the versions that a
    roll-back would go to, newest first. None for a version that the pipeline file names.
    """
    if choice.source != "active":
        return []
    found = []
    for version in reversed(standing(registry.history(choice.name))[:-1]):
        try:
            folder = registry.folder(choice.name, version)
        except ModelError:
            continue  # removed since: no version to go back to
        found.append(Choice(choice.name, version, folder, "active", choice.since))
    return found


def served_by(pipeline: Pipeline, choice: Choice) -> Pipeline:
    """The pipeline with the chosen folder as its model."""
    spec = pipeline.model.model_copy(update={"name": str(choice.folder), "version": None})
    return pipeline.model_copy(update={"model": spec})


def _is_own_folder(name: str, registry: Registry) -> bool:
    """Whether the name is that of a folder here, and of nothing in the registry."""
    return (Path(name) / MODEL_FILE).is_file() and not registry.versions(name)


def _folder(spec: ModelSpec) -> Choice:
    folder = Path(spec.name)
    found = read_identity(folder)
    if spec.version not in (None, found.version):
        raise ModelError(
            spec.name,
            f"expected version {spec.version!r}, as the pipeline file says, got {found.version!r} "
            "in that folder; a folder has one version, the registry has many",
        )
    return Choice(found.name, found.version, folder, "folder")
