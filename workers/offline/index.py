"""``index.json``: what a folder of windows holds and what made it."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any, Literal

import msgspec

from schemas.pipeline import Pipeline
from schemas.result import ModelRef
from streams.align.spec import AlignSpec
from workers.errors import OfflineError
from workers.offline.formats import FormatName
from workers.offline.timeline import Replay

INDEX_FILE = "index.json"
#: Grows with every change after which an older reader would misread a folder.
VERSION = "sensorium-windows-1"

Features = Literal["raw", "encoded"]


class ShardEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One shard. ``bytes``, ``sha256`` (hex): of the file."""

    file: str
    windows: int
    samples: int
    bytes: int
    sha256: str


class SensorCount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sensor of an input over all sessions. ``samples``: read; ``invalid``, ``late``: of these.

    ``in_windows``: samples, or parts of samples, in windows; one may be in several, or in none.
    """

    input: str
    sensor: str
    samples: int
    invalid: int
    late: int
    in_windows: int


class Diverted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Samples that the stream would divert, listed line by line in ``file``; counted by reason."""

    file: str
    sha256: str
    invalid: dict[str, int]
    late: dict[str, int]
    #: Refused because their session had all the windows or sensors it may have.
    no_room: int


class Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``content_sha256``: digest of all windows (``canonical.digest``), whatever format and shards.

    ``pipeline_sha256``: of the pipeline with every default filled in, as JSON. ``spec``: what the
    aligner made of it.
    """

    version: str
    pipeline: str
    pipeline_sha256: str
    spec_digest: str
    spec: dict[str, Any]
    replay: Replay
    features: Features
    model: ModelRef | None
    format: FormatName
    windows: int
    content_sha256: str
    shards: list[ShardEntry]
    inputs: dict[str, str]
    sensors: list[SensorCount]
    sessions: list[str]
    diverted: Diverted


def pipeline_digest(pipeline: Pipeline) -> str:
    """SHA-256 of a pipeline with every default filled in, hex."""
    return hashlib.sha256(pipeline.model_dump_json().encode()).hexdigest()


def described(spec: AlignSpec) -> dict[str, Any]:
    """The aligner's view of a pipeline as plain containers."""
    fields = dataclasses.asdict(spec)
    del fields["position"]
    return msgspec.json.decode(msgspec.json.encode(fields), type=dict[str, Any])


def write_index(folder: Path, index: Index) -> None:
    """Write ``index.json``. Raises ``OSError``."""
    text = msgspec.json.format(msgspec.json.encode(index), indent=2)
    (folder / INDEX_FILE).write_bytes(text + b"\n")


def read_index(folder: Path) -> Index:
    """What a folder holds. Raises ``OfflineError`` where there is no index of this version."""
    path = folder / INDEX_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Index)
    except OSError as error:
        raise OfflineError(
            f"{path}: expected a folder of aligned windows, got {error.strerror}; name the folder "
            "that was given as --out"
        ) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise OfflineError(
            f"{path}: expected an index of version {VERSION!r}, got another ({error}); align the "
            "recording again"
        ) from None
