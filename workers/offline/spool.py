"""Payloads on disk while the aligner holds their places: a window may wait long for a sensor."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import NamedTuple

#: As long as an encoder's feature, so that caps on bytes act as they do in the stream.
REFERENCE_BYTES = 128
#: Where in the file, how many bytes, number of the content type.
_REFERENCE = struct.Struct("<QQI")


class Content(NamedTuple):
    """What a sample of a window holds; ``content_type`` is empty where it is a feature."""

    content_type: str
    data: bytes


class Spool:
    """An append-only file of payloads. A reference stands for one where a feature is expected.

    Use as a context manager: the file is removed at the end.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("xb+", buffering=0)
        self._size = 0
        #: content type -> its number
        self._types: dict[str, int] = {}
        self._names: list[str] = []

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def put(self, content_type: str, payload: bytes) -> bytes:
        """Keep a payload; its reference, REFERENCE_BYTES long. Raises ``OSError``."""
        number = self._types.setdefault(content_type, len(self._names))
        if number == len(self._names):
            self._names.append(content_type)
        view = memoryview(payload)
        while view:
            view = view[
                os.pwrite(self._file.fileno(), view, self._size + len(payload) - len(view)) :
            ]
        reference = _REFERENCE.pack(self._size, len(payload), number)
        self._size += len(payload)
        return reference.ljust(REFERENCE_BYTES, b"\0")

    def get(self, reference: bytes) -> Content:
        """What a reference stands for. Raises ``OSError``."""
        at, size, number = _REFERENCE.unpack_from(reference)
        return Content(self._names[number], self._read(at, size))

    def _read(self, at: int, size: int) -> bytes:
        data = os.pread(self._file.fileno(), size, at)
        while len(data) < size:
            more = os.pread(self._file.fileno(), size - len(data), at + len(data))
            if not more:
                raise OSError(f"{self._path}: expected {size} bytes at {at}, got {len(data)}")
            data += more
        return data
