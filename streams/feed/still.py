"""Single files: a still image, or a note, at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from schemas.sample import Modality
from streams.errors import FeedError
from streams.feed.track import Reading, ReadOptions, Track, read_text

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
_SIGNATURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
_PNG_END = b"IEND\xaeB`\x82"


def image_type(file: Path, payload: bytes) -> str:
    """Content type by the bytes, whatever the name says; ``FeedError`` for no whole JPEG or PNG."""
    for signature, content_type in _SIGNATURES.items():
        if payload.startswith(signature):
            # Cameras pad after the end marker, so it is looked for and not expected last.
            if (_PNG_END if content_type == "image/png" else b"\xff\xd9") not in payload:
                raise FeedError(
                    f"{file}: expected a whole {content_type}, got {len(payload)} bytes without "
                    "its end; the file is cut short"
                )
            return content_type
    raise FeedError(
        f"{file}: expected a JPEG or PNG image, got other bytes; convert it or move it away"
    )


def _read_image(path: Path, time_us: int) -> Iterator[Reading]:
    payload = path.read_bytes()
    yield Reading(time_us, time_us, image_type(path, payload), payload)


def _read_note(path: Path, time_us: int) -> Iterator[Reading]:
    yield Reading(time_us, time_us, "text/plain;charset=utf-8", read_text(path).encode())


def image_tracks(path: Path, options: ReadOptions) -> list[Track]:
    """One sample, the file's own bytes, at ``options.at_s``."""
    time_us = round(options.at_s * 1e6)
    read = partial(_read_image, path, time_us)
    kinds = (Modality.IMAGE, Modality.VIDEO)
    return [Track(path, "", kinds, "relative", time_us, 1, read)]


def note_tracks(path: Path, options: ReadOptions) -> list[Track]:
    """One text sample of the whole file at ``options.at_s``."""
    if not read_text(path, max_bytes=1_000_000).strip():
        raise FeedError(f"{path}: expected a note, got an empty file; write one")
    time_us = round(options.at_s * 1e6)
    read = partial(_read_note, path, time_us)
    return [Track(path, "", (Modality.TEXT,), "relative", time_us, 1, read)]
