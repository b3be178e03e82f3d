"""Encoders: one network per modality, from a decoded sample to a feature vector."""

from __future__ import annotations

from collections.abc import Callable

from schemas.sample import Modality
from workers.encoders.audio import AudioEncoder
from workers.encoders.base import FEATURE_SIZE, Encoder
from workers.encoders.image import FrameEncoder, PointsEncoder, StillEncoder
from workers.encoders.objects import ObjectsEncoder
from workers.encoders.series import SeriesEncoder
from workers.encoders.text import TextEncoder

__all__ = ["FEATURE_SIZE", "Encoder", "make_encoder"]

_ENCODERS: dict[Modality, Callable[[], Encoder]] = {
    Modality.VIDEO: FrameEncoder,
    Modality.AUDIO: AudioEncoder,
    Modality.TEXT: TextEncoder,
    Modality.OBJECTS: ObjectsEncoder,
    Modality.POINTS: PointsEncoder,
    Modality.IMAGE: StillEncoder,
    Modality.SERIES: SeriesEncoder,
}


def make_encoder(modality: Modality) -> Encoder:
    """A new encoder of the reference architecture, with fresh weights from torch's generator."""
    return _ENCODERS[modality]()
