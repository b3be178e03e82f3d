"""The sample: one record of one sensor, once its envelope has been read."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec


class Modality(StrEnum):
    """What kind of signal a sensor gives."""

    VIDEO = "video"  # JPEG or PNG frames of a stream
    AUDIO = "audio"  # PCM, WAV or FLAC chunks, 8 to 48 kHz
    TEXT = "text"  # transcript segments and notes, plain or JSON with word times
    OBJECTS = "objects"  # detections of a smart sensor
    POINTS = "points"  # lidar sweeps
    IMAGE = "image"  # one still medical image
    SERIES = "series"  # vital signs, CAN signals, waveforms


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One sensor sample: where it came from, when it was sensed, and its raw payload.

    ``start_us`` <= ``end_us``; equal for an instant (a frame), a half-open interval for a chunk.
    ``topic``/``partition``/``offset`` identify the record; ``offset`` is unique in its partition.
    ``given_id``: the CloudEvents id, where the producer gave one.
    """

    session: str
    sensor: str
    input: str
    modality: Modality
    start_us: int
    end_us: int
    content_type: str
    payload: bytes
    topic: str
    partition: int
    offset: int
    given_id: str | None = None
    sequence: int | None = None
    traceparent: str | None = None

    @property
    def id(self) -> str:
        """The producer's id of the sample, else the record's coordinates."""
        return self.given_id or f"{self.topic}-{self.partition}-{self.offset}"


class SessionEnd(NamedTuple):
    """The mark that a session is over on one input: the record at ``offset`` is its last."""

    session: str
    offset: int
