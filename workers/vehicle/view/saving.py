"""Writes pictures as PNG, or many of them as a video."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

from workers.errors import ViewError
from workers.vehicle.view.sight import Image

SUFFIXES = (".png", ".mp4")


class Saver:
    """Takes pictures of one size. Of a ``.png`` the last one stays; an ``.mp4`` shows them all.

    What is there under the name is replaced once the first picture is written.
    """

    def __init__(self, path: Path, frames_per_s: float) -> None:
        """Raises ``ViewError`` for another suffix or a folder that is not there."""
        if path.suffix.lower() not in SUFFIXES:
            raise ViewError(f"{path}: expected a file ending in {' or '.join(SUFFIXES)}")
        if not path.parent.is_dir():
            raise ViewError(f"{path}: expected a folder {path.parent}; make it first")
        self._path = path
        self._rate = frames_per_s
        self._video: Any = None
        self._last: Image | None = None
        #: Pictures taken.
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._video is not None:
            self._video.release()
        elif self._last is not None and kind is None:
            self._write_png(self._last)

    def add(self, picture: Image) -> None:
        """Take one picture, RGB. Raises ``ViewError`` where it cannot be written."""
        self.count += 1
        if self._path.suffix.lower() == ".png":
            self._last = picture
            return
        if self._video is None:
            size = (picture.shape[1], picture.shape[0])
            code = cv2.VideoWriter.fourcc(*"mp4v")
            self._video = cv2.VideoWriter(str(self._path), code, self._rate, size)
            if not self._video.isOpened():
                raise ViewError(f"{self._path}: this OpenCV cannot write mp4; save a .png")
        self._video.write(np.ascontiguousarray(picture[:, :, ::-1]))

    def _write_png(self, picture: Image) -> None:
        done, coded = cv2.imencode(".png", np.ascontiguousarray(picture[:, :, ::-1]))
        if not done:
            raise ViewError(f"{self._path}: the picture cannot be coded")
        try:
            self._path.write_bytes(coded.tobytes())
        except OSError as error:
            raise ViewError(f"{self._path}: cannot be written ({error.strerror})") from None
