"""An output folder that is there as a whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workers.errors import OfflineError
from workers.offline.index import INDEX_FILE


def check_target(target: Path, *, force: bool) -> None:
    """Raise ``OfflineError`` unless a folder may be made there.

    What is there must be an empty folder, or with ``force`` one that this package has written.
    """
    if not target.exists() and not target.is_symlink():
        return
    if not target.is_dir() or target.is_symlink():
        raise OfflineError(
            f"{target}: expected a folder or nothing, got a file or a link; choose another"
        )
    if not any(target.iterdir()):
        return
    if not force:
        raise OfflineError(
            f"{target}: expected an empty folder or none, got one with files; choose another, or "
            "replace aligned windows with --force"
        )
    if not (target / INDEX_FILE).is_file():
        raise OfflineError(
            f"{target}: expected a folder of aligned windows to replace, got one without "
            f"{INDEX_FILE}; choose another"
        )


@contextmanager
def making(target: Path, *, force: bool) -> Iterator[tuple[Path, Path]]:
    """A folder to fill, and one for what is needed only meanwhile.

    At the end the first takes the place of ``target`` in one rename; after an error both are
    removed and ``target`` is as it was. Raises ``OfflineError``, see ``check_target``.
    """
    check_target(target, force=force)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        made = tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise OfflineError(
            f"{target}: expected a place where a folder can be made, got {error.strerror}; name "
            "another"
        ) from None
    with made as name:
        workshop = Path(name)
        folder, meanwhile = workshop / "folder", workshop / "meanwhile"
        folder.mkdir()
        meanwhile.mkdir()
        yield folder, meanwhile
        check_target(target, force=force)
        _put_in_place(folder, target, workshop / "replaced")


def _put_in_place(folder: Path, target: Path, aside: Path) -> None:
    # A folder cannot be renamed to one that has files; what was there goes with the workshop.
    if target.exists():
        os.rename(target, aside)
    try:
        os.rename(folder, target)
    except OSError:
        if aside.exists():
            os.rename(aside, target)
        raise
