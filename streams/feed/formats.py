"""Which reader a path belongs to."""

from __future__ import annotations

import csv
from pathlib import Path

from schemas.sample import Modality
from streams.errors import FeedError
from streams.feed import audio, video
from streams.feed.folder import folder_tracks
from streams.feed.foxglove import foxglove_tracks
from streams.feed.kitti import drive_tracks, is_drive
from streams.feed.nuscenes import is_sample_folder, sample_tracks
from streams.feed.objects import jsonl_lines, object_tracks
from streams.feed.oxts import is_oxts, oxts_track
from streams.feed.still import IMAGE_SUFFIXES, image_tracks, note_tracks
from streams.feed.track import ReadOptions, Track
from streams.feed.transcripts import TEXT_NAMES, transcript_tracks
from streams.feed.vitals import vitals_tracks
from streams.feed.wfdb_record import wfdb_tracks

_SUBTITLES = frozenset({".srt", ".vtt"})
KNOWN = (
    video.SUFFIXES
    | audio.SUFFIXES
    | IMAGE_SUFFIXES
    | _SUBTITLES
    | {".jsonl", ".csv", ".hea", ".txt", ".mcap"}
)


def open_tracks(
    path: Path, options: ReadOptions, *, modality: Modality | None = None
) -> list[Track]:
    """The tracks of a file or folder; opening reads headers, samples come from ``Track.read``.

    ``modality`` is that of the input it is meant for, where one was named: JSONL and CSV are then
    read as that, otherwise by what they contain. Raises ``FeedError`` for a path that is not
    there, of no known format, or broken.
    """
    try:
        return _open(path, options, modality)
    except OSError as error:
        raise FeedError(
            f"{path}: expected a readable file, got {error.strerror or error}; check the path"
        ) from None


def _open(path: Path, options: ReadOptions, modality: Modality | None) -> list[Track]:
    if path.is_dir():
        if is_oxts(path):
            return [oxts_track(path)]
        if is_drive(path):
            return drive_tracks(path, options)
        return sample_tracks(path) if is_sample_folder(path) else folder_tracks(path, options)
    suffix = path.suffix.lower()
    if suffix not in KNOWN:
        raise FeedError(
            f"{path}: expected a folder or one of {' '.join(sorted(KNOWN))}, got "
            f"{suffix or 'no suffix'!r}; convert it"
        )
    # A missing file raises OSError here, before a library words it in its own way.
    path.stat()
    if suffix in video.SUFFIXES:
        return video.video_tracks(path, options)
    if suffix in audio.SUFFIXES:
        return audio.audio_tracks(path, options)
    if suffix in IMAGE_SUFFIXES:
        return image_tracks(path, options)
    if suffix == ".hea":
        return wfdb_tracks(path, options)
    if suffix == ".mcap":
        return foxglove_tracks(path)
    if suffix == ".txt":
        return note_tracks(path, options)
    if suffix in _SUBTITLES:
        return transcript_tracks(path)
    if suffix == ".jsonl":
        as_objects = modality is Modality.OBJECTS or (modality is None and _has_objects(path))
        return object_tracks(path) if as_objects else transcript_tracks(path)
    as_text = modality is Modality.TEXT or (modality is None and _has_text(path))
    return transcript_tracks(path) if as_text else vitals_tracks(path, options)


def _has_objects(path: Path) -> bool:
    return any("objects" in row for _, row in [next(jsonl_lines(path), (0, {}))])


def _has_text(path: Path) -> bool:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = next(csv.reader([file.readline()]), [])
    return any(name.strip().lower() in TEXT_NAMES for name in header)
