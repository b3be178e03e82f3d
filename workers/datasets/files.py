"""Files of data sets: read whole, checked, and one line of error where they are not as expected."""

from __future__ import annotations

import csv
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.errors import DataSetError

#: No table or list of a data set here has a tenth of it; more is another file.
_MAX_TEXT_BYTES = 256_000_000
#: A whole visit is one cell; the module's own bound is 128 KiB.
_MAX_CELL_CHARACTERS = 4_000_000


def read_bytes(path: Path, max_bytes: int = _MAX_TEXT_BYTES) -> bytes:
    """A file as a whole. Raises ``DataSetError`` where it is missing or larger."""
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise DataSetError(f"{path}: expected at most {max_bytes} bytes, got {size}")
        return path.read_bytes()
    except OSError as error:
        raise DataSetError(
            f"{path}: expected a readable file, got {error.strerror or error}; check the path"
        ) from None


def read_text(path: Path) -> str:
    """A UTF-8 text without its byte order mark. Raises ``DataSetError``."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataSetError(f"{path}: expected UTF-8 text, got other bytes; convert it") from None


def read_json(path: Path) -> Any:
    """The value of a JSON file. Raises ``DataSetError``."""
    try:
        return json.loads(read_text(path))
    except ValueError:
        raise DataSetError(f"{path}: expected JSON, got other text; copy the file anew") from None


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an ``.npz`` file by name; none may be pickled. Raises ``DataSetError``."""
    try:
        with np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) as file:
            return {name: np.asarray(file[name]) for name in file}
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataSetError(
            f"{path}: expected an .npz file of arrays, got {type(error).__name__}; copy it anew"
        ) from None


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV file with a head; cells are stripped, missing ones empty.

    Raises ``DataSetError`` where one of ``columns`` is missing, a row has too many cells or there
    is no row.
    """
    return list(_rows(path, read_text(path), columns))


def _rows(path: Path, text: str, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    before = csv.field_size_limit(_MAX_CELL_CHARACTERS)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""))
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise DataSetError(
                f"{path}:1: expected columns {', '.join(columns)}, got none named "
                f"{', '.join(missing)}; name the folder of this data set"
            )
        empty = True
        for row in reader:
            if None in row:
                raise DataSetError(
                    f"{path}:{reader.line_num}: expected {len(reader.fieldnames or ())} cells, got "
                    "more; copy the file anew"
                )
            empty = False
            yield {name: (cell or "").strip() for name, cell in row.items()}
        if empty:
            raise DataSetError(f"{path}: expected rows, got none; copy the file anew")
    except csv.Error as error:
        raise DataSetError(f"{path}: expected CSV, got {error}; copy the file anew") from None
    finally:
        csv.field_size_limit(before)


def the_file(path: Path, names: Sequence[str]) -> Path | None:
    """The first of ``names`` in the folder ``path``, or ``path`` where it is such a file itself."""
    if path.is_file():
        return path if path.name in names else None
    return next((path / name for name in names if (path / name).is_file()), None)


def nothing_of(path: Path, expected: str) -> DataSetError:
    """The error where a path holds nothing of the data set."""
    got = "no such file or folder" if not path.exists() else "none of these"
    return DataSetError(f"{path}: expected {expected}, got {got}; check --data")
