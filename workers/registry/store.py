"""The registry: versions of models in folders, and which one of each is active."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from workers.errors import ModelError
from workers.registry.active_file import changing, read_history, write_history
from workers.registry.history import Activation, History, activated, former
from workers.registry.layout import MODEL_FILE, SHIPPED, check_part, is_part, read_identity
from workers.registry.sums import check_weights, write_sums


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _natural(version: str) -> list[tuple[int, str]]:
    """Sorts 1.10 after 1.9."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part)
        for part in re.findall(r"\d+|\D+", version)
    ]


class Registry:
    """The models below one folder, and those that come with the package.

    A shipped model is one more version of its name, whose files lie in the package; it answers
    until a version is activated. The folder need not be there. Every method reads the disk.
    """

    def __init__(self, root: Path, *, now: Callable[[], str] = _now) -> None:
        """``now`` gives the time of an activation, RFC 3339."""
        self.root = root
        self._now = now

    def names(self) -> list[str]:
        """Every model of which there is a version; folders that cannot be one are passed over."""
        shipped = {path.parent.name for path in SHIPPED.glob(f"*/{MODEL_FILE}")}
        own = {
            path.parts[-3]
            for path in self.root.glob(f"*/*/{MODEL_FILE}")
            if is_part(path.parts[-3]) and is_part(path.parts[-2])
        }
        return sorted(shipped | own)

    def versions(self, name: str) -> list[str]:
        """The versions of a model, in the order of their numbers; none where it is unknown."""
        own = {path.parent.name for path in self._folder(name).glob(f"*/{MODEL_FILE}")}
        shipped = self.shipped(name)
        found = own | ({shipped} if shipped is not None else set())
        return sorted(filter(is_part, found), key=_natural)

    def shipped(self, name: str) -> str | None:
        """The version of that name that comes with the package."""
        folder = SHIPPED / check_part("model name", name)
        return read_identity(folder).version if (folder / MODEL_FILE).is_file() else None

    def folder(self, name: str, version: str) -> Path:
        """Where a version's files lie.

        Raises ``ModelError`` where there is no such version, or ``model.json`` names another.
        """
        own = self._folder(name) / check_part("version", version)
        if not (own / MODEL_FILE).is_file():
            if self.shipped(name) == version:
                return SHIPPED / name
            raise ModelError(
                name,
                f"expected a version of {self.versions(name)}, got {version!r}; add it with "
                "`sensorium models add`",
            )
        found = read_identity(own)
        if (found.name, found.version) != (name, version):
            raise ModelError(
                name,
                f"expected {own / MODEL_FILE} to describe version {version!r} of {name!r}, got "
                f"version {found.version!r} of {found.name!r}; add it with `sensorium models add`",
            )
        return own

    def history(self, name: str) -> History:
        """Every activation that is remembered, oldest first. Raises ``ModelError``."""
        return read_history(self._folder(name))

    def active(self, name: str) -> str | None:
        """The version that answers: the one activated last, else the shipped one."""
        history = self.history(name)
        return history[-1].version if history else self.shipped(name)

    def activate(self, name: str, version: str) -> Activation:
        """Make a version the active one. Workers that have refused it try it again where it is
        active already. Raises ``ModelError`` where there is no such version.
        """
        self.folder(name, version)
        folder = self._folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        with changing(folder):
            history = read_history(folder)
            if not history and (shipped := self.shipped(name)) is not None:
                history = (Activation(shipped, self._now(), "shipped"),)
            return self._write(folder, history, Activation(version, self._now(), "activate"))

    def roll_back(self, name: str) -> Activation:
        """Make the version active that was so before the present one was activated.

        Raises ``ModelError`` where there was none, or its files are gone.
        """
        folder = self._folder(name)
        if not folder.is_dir():
            raise ModelError(name, "expected a former version to go back to, got no activation")
        with changing(folder):
            history = read_history(folder)
            version = former(history)
            if version is None:
                raise ModelError(
                    name,
                    f"expected a former version to go back to, got {len(history)} activations; "
                    "activate a version by its name",
                )
            self.folder(name, version)
            return self._write(folder, history, Activation(version, self._now(), "rollback"))

    def add(self, source: Path, *, name: str | None = None, version: str | None = None) -> Path:
        """Copy a model's folder in as a version; its name and version are those that its
        ``model.json`` gives, unless told otherwise. It is there as a whole or not at all.

        Raises ``ModelError`` where the source is no model or damaged, or the version is there.
        """
        check_weights(source)
        found = read_identity(source)
        name = check_part("model name", found.name if name is None else name)
        version = check_part("version", found.version if version is None else version)
        if version in self.versions(name):
            raise ModelError(
                name, f"expected a version that is not there yet, got {version!r}; give another"
            )
        target = self._folder(name) / version
        coming = self._folder(name) / f".{uuid.uuid4().hex}"
        try:
            shutil.copytree(source, coming)
            _rename(coming / MODEL_FILE, name, version)
            write_sums(coming)
            coming.rename(target)
        finally:
            shutil.rmtree(coming, ignore_errors=True)
        return target

    def _folder(self, name: str) -> Path:
        return self.root / check_part("model name", name)

    @staticmethod
    def _write(folder: Path, history: History, one: Activation) -> Activation:
        write_history(folder, activated(history, one))
        return one


def _rename(path: Path, name: str, version: str) -> None:
    """Give a description another name and version; all else in it stays."""
    described = msgspec.json.decode(path.read_bytes())
    described |= {"name": name, "version": version}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(described), indent=2) + b"\n")
