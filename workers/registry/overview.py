"""What there is to say of a model: its versions, what was active when, who serves what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from schemas.pipeline import Pipeline
from workers.errors import ModelError
from workers.registry.board import Notice
from workers.registry.choice import is_local
from workers.registry.history import History
from workers.registry.layout import SUMS_FILE, read_identity
from workers.registry.store import Registry


class Version(msgspec.Struct, frozen=True):
    """One version. ``sha256``: of its weights as ``model.json`` has it; ``problem``: why it cannot
    be activated, empty where it can.
    """

    name: str
    version: str
    active: bool
    source: Literal["registry", "shipped"]
    sha256: str
    sealed: bool
    folder: str
    problem: str = ""


class Overview(msgspec.Struct, frozen=True):
    """One model. ``pinned_by``: pipelines that have it with a version of their own, which no
    activation changes. ``workers``: what those that run said last; ``None`` where Redis cannot be
    asked.
    """

    name: str
    active: str | None
    versions: Sequence[Version]
    history: History
    pinned_by: dict[str, str]
    workers: Sequence[Notice] | None


def versions_of(registry: Registry, name: str) -> list[Version]:
    """The versions of a model. Raises ``ModelError`` where ``active.json`` says nothing."""
    active = registry.active(name)
    return [_version(registry, name, version, active) for version in registry.versions(name)]


def _version(registry: Registry, name: str, version: str, active: str | None) -> Version:
    shipped = registry.shipped(name) == version
    folder = registry.root / name / version
    problem, sha256 = "", ""
    try:
        folder = registry.folder(name, version)
        sha256 = read_identity(folder).sha256
    except ModelError as error:
        problem = str(error)
    return Version(
        name,
        version,
        version == active,
        "shipped" if shipped else "registry",
        sha256,
        _is_sealed(folder),
        str(folder),
        problem,
    )


def _is_sealed(folder: Path) -> bool:
    return (folder / SUMS_FILE).is_file()


def pinned_by(name: str, pipelines: Iterable[Pipeline]) -> dict[str, str]:
    """Pipeline -> the version of this model that it pins."""
    return {
        pipeline.pipeline: pipeline.model.version
        for pipeline in pipelines
        if is_local(pipeline.model)
        and pipeline.model.name == name
        and pipeline.model.version is not None
    }
