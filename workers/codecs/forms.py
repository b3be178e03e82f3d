"""The fixed forms that the codecs produce, as a model's description states them."""

from __future__ import annotations

import msgspec

from schemas.sample import Modality
from workers.codecs import mel, objects, points, series, text
from workers.codecs.image import FRAME_SHAPE, STILL_SHAPE


class InputForm(msgspec.Struct, frozen=True):
    """What a model takes of one modality. ``shape``: 0 is a length that varies by sample.

    ``rate``: how densely the form samples time, in words; empty where it does not.
    """

    modality: str
    shape: list[int]
    dtype: str
    rate: str
    source: str


INPUT_FORMS = {
    Modality.VIDEO: InputForm(
        "video", [*FRAME_SHAPE, 3], "uint8", "any", "JPEG or PNG, BGR, stretched to the shape"
    ),
    Modality.AUDIO: InputForm(
        "audio",
        [0, mel.BANDS],
        "float32",
        f"{mel.RATE_HZ // mel.HOP_LENGTH} frames/s of {mel.RATE_HZ} Hz",
        "PCM s16le or f32le, WAV or FLAC of 8 to 48 kHz; log-mel",
    ),
    Modality.TEXT: InputForm(
        "text", [0], "int64", "", f"UTF-8 or JSON; hashed n-grams, 1 to {text.VOCABULARY - 1}"
    ),
    Modality.OBJECTS: InputForm(
        "objects", [0, objects.WIDTH], "float32", "any", "JSON object list"
    ),
    Modality.POINTS: InputForm(
        "points", [points.LENGTH], "float32", "any", "f32le xyzi; bird's-eye view and ranges"
    ),
    Modality.IMAGE: InputForm(
        "image", [*STILL_SHAPE, 1], "uint8", "", "JPEG or PNG, grey, stretched to the shape"
    ),
    Modality.SERIES: InputForm(
        "series", [series.LENGTH], "float32", "any", "JSON values or waveforms; statistics"
    ),
}
