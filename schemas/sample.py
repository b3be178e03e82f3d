"""The sample: one record of one sensor, once its envelope has been read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Modality(StrEnum):
    """What kind of signal a sensor gives."""

    VIDEO = "video"  # JPEG or PNG frames of a stream
    AUDIO = "audio"  # PCM, WAV or FLAC chunks, 8 to 48 kHz
    TEXT = "text"  # transcript segments and notes, plain or JSON with word times
    OBJECTS = "objects"  # detections of a smart sensor
    POINTS = "points"  # lidar sweeps
    IMAGE = "image"  # one still medical image
    SERIES = "series"  # vital signs, CAN signals, waveforms


@dataclass(frozen=True, slots=True)
class Sample:
    """One sensor sample: where it came from, when it was sensed, and its raw payload.

    ``start_us`` <= ``end_us``; equal for an instant (a frame), a half-open interval for a chunk.
    ``topic``/``partition``/``offset`` identify the record; ``offset`` is unique in its partition.
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
    id: str
    sequence: int | None = None
    traceparent: str | None = None
