"""A model as a user writes one: how loud it was, and how much was said. No network, no package."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Sequence

import numpy as np

from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from workers.codecs.audio import read_signal
from workers.codecs.media_type import parse_media_type
from workers.errors import CodecError


class Loudness:
    """Task ``level``: ``quiet`` or ``loud``, by the power of the sounds and the words of texts."""

    modalities = (Modality.AUDIO, Modality.TEXT)
    tasks = {"level": ["quiet", "loud"]}  # noqa: RUF012
    lanes = 1

    def __init__(self, threshold_db: float = -20.0) -> None:
        self._threshold_db = threshold_db
        digest = hashlib.sha256(f"loudness {threshold_db}".encode()).hexdigest()
        self.ref = ModelRef("loudness", "1.0", digest)
        # ``encode`` depends on nothing that can be set.
        self.features = "loudness-1"

    def decode(self, sample: Sample) -> float | BadSample:
        try:
            if sample.modality is Modality.TEXT:
                return float(len(sample.payload.decode().split()))
            signal = read_signal(sample.payload, parse_media_type(sample.content_type))
            return float(10 * np.log10(np.mean(signal**2) + 1e-12))
        except CodecError as error:
            return BadSample(error.reason, "CodecError", str(error))
        except UnicodeDecodeError:
            return BadSample("not_utf8", "UnicodeDecodeError", "expected UTF-8")

    def encode(self, modality: Modality, decoded: Sequence[float]) -> list[bytes]:
        return [modality[:1].encode() + struct.pack("<f", value) for value in decoded]

    def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        return [self._answer(window) for window in windows]

    def _answer(self, window: Window) -> Fusion:
        values: dict[bytes, list[float]] = {b"a": [], b"t": []}
        for sample in window.samples:
            values[sample.feature[:1]].append(struct.unpack("<f", sample.feature[1:])[0])
        level_db = max(values[b"a"], default=-120.0) + sum(values[b"t"])
        loud = 1 / (1 + math.exp((self._threshold_db - level_db) / 3))
        there = [name for name, mark in (("audio", b"a"), ("text", b"t")) if values[mark]]
        return Fusion(
            {"level": {"quiet": 1 - loud, "loud": loud}},
            {name: 1 / len(there) for name in there},
        )

    def warm(self, max_batch: int) -> None:
        """Nothing gets quicker."""

    def close(self) -> None:
        """Nothing is open."""
