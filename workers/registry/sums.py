"""Digests of a version's files: written when it is added, checked before it is loaded."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from workers.errors import ModelError
from workers.registry.layout import MODEL_FILE, SUMS_FILE, read_identity

_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_sums(folder: Path) -> None:
    """Write down the digest of every file in the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS_FILE)
    lines = [f"{_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / SUMS_FILE).write_text("".join(lines), encoding="utf-8")


def check_sums(folder: Path) -> int:
    """Compare every file that the folder's digests name; returns how many there are.

    A folder without digests has none to differ from: what ``model.json`` says of its weights is
    checked when they are loaded. Raises ``ModelError`` that names the file.
    """
    try:
        text = (folder / SUMS_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return 0
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(str(folder), f"{SUMS_FILE} cannot be read: {error}") from None
    lines = text.splitlines()
    for line in lines:
        _check_line(folder, line)
    return len(lines)


def _check_line(folder: Path, line: str) -> None:
    found = _LINE.fullmatch(line)
    if found is None or ".." in Path(found[2]).parts or Path(found[2]).is_absolute():
        raise ModelError(
            str(folder), f"{SUMS_FILE}: expected a digest and a file of this folder, got {line!r}"
        )
    expected, path = found[1], folder / found[2]
    try:
        digest = _sha256(path)
    except OSError as error:
        raise ModelError(
            str(folder),
            f"expected the file {found[2]} that {SUMS_FILE} names, got "
            f"{error.strerror}; add the version again",
        ) from None
    if digest != expected:
        raise ModelError(
            str(folder),
            f"digest mismatch: {SUMS_FILE} names sha256 {expected} for {found[2]}, it has "
            f"{digest}; the file is damaged or was changed: add it again as a version of its own",
        )


def check_weights(folder: Path) -> None:
    """Check the weights against ``model.json``, where both are there. Raises ``ModelError``."""
    expected = read_identity(folder).sha256
    weights = folder / "model.safetensors"
    if expected and weights.is_file() and (digest := _sha256(weights)) != expected:
        raise ModelError(
            str(folder),
            f"digest mismatch: {MODEL_FILE} names sha256 {expected}, {weights.name} has {digest}; "
            "one of the two is from another model or damaged",
        )
