"""Samples as they can be put into a message, bounded in size: what is kept in Redis of them.

A part is one byte that tells its kind, and its content.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from schemas.remote import ChatRemote
from schemas.sample import Modality, Sample
from streams.compute import BadSample
from workers.codecs import decode
from workers.codecs.audio import read_signal
from workers.codecs.image import read_header, read_pixels
from workers.codecs.media_type import MediaType, parse_media_type
from workers.codecs.text import read_text
from workers.errors import CodecError

JPEG, PNG, AUDIO, TEXT, UNSENT = b"J", b"P", b"A", b"T", b"-"
#: A frame of the size that is sent has about 50 KB; one with more is compressed again.
_MAX_FRAME_BYTES = 200_000
_QUALITY = 85
#: Characters of one sample's text, object list or readings; what is over it is left out.
_MAX_CHARACTERS = 8_000
_PNG_SIGNATURE = b"\x89PNG"


def to_part(sample: Sample, rules: ChatRemote) -> bytes | BadSample:
    """The part of a sample; ``UNSENT`` alone for an input that is not sent.

    Frames and stills: JPEG or PNG as they came, or shrunk to ``max_frame_px`` as JPEG of quality
    85. Audio: s16le, 16 kHz, one channel. Text: UTF-8, after its speaker where one is named.
    Object lists and readings: their JSON. Raises nothing for any input.
    """
    if rules.inputs is not None and sample.input not in rules.inputs:
        return UNSENT
    if not sample.payload:
        return BadSample(
            "empty_value", "CodecError", f"expected {sample.modality.value}, got no bytes"
        )
    try:
        media = parse_media_type(sample.content_type)
        return _PARTS[sample.modality](sample, media, rules)
    except CodecError as error:
        return BadSample(error.reason, "CodecError", str(error))
    except Exception as error:
        name = type(error).__name__
        return BadSample(
            "undecodable", name, f"the {sample.modality.value} decoder failed with {name}"
        )


def _frame(sample: Sample, media: MediaType, rules: ChatRemote) -> bytes:
    # Decoded in any case: what cannot be is one bad sample here, and a refused window there.
    pixels = read_pixels(sample.payload, media, rules.max_frame_px)
    kept = sample.payload if len(sample.payload) <= _MAX_FRAME_BYTES else b""
    header = read_header(sample.payload)
    if kept and max(header.width, header.height) <= rules.max_frame_px:
        return (PNG if kept.startswith(_PNG_SIGNATURE) else JPEG) + kept
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise CodecError("bad_image", f"an image of {pixels.shape} could not be compressed")
    return JPEG + data.tobytes()


def _audio(sample: Sample, media: MediaType, rules: ChatRemote) -> bytes:
    signal = np.clip(read_signal(sample.payload, media), -1.0, 1.0)
    return AUDIO + np.round(signal * 32767.0).astype("<i2").tobytes()


def _text(sample: Sample, media: MediaType, rules: ChatRemote) -> bytes:
    text, speaker = read_text(sample.payload, media)
    whole = f"{speaker[:64]}: {text}" if speaker else text
    return TEXT + whole[:_MAX_CHARACTERS].encode()


def _json(sample: Sample, media: MediaType, rules: ChatRemote) -> bytes:
    # Read as every model reads it, so that the same records are dead letters for all of them.
    found = decode(sample.modality, sample.content_type, sample.payload)
    if isinstance(found, BadSample):
        raise CodecError(found.reason, found.message)
    return TEXT + sample.payload.decode()[:_MAX_CHARACTERS].encode()


def _points(sample: Sample, media: MediaType, rules: ChatRemote) -> bytes:
    raise CodecError("unsent_modality", "a chat model cannot be sent points")


_PARTS: dict[Modality, Callable[[Sample, MediaType, ChatRemote], bytes]] = {
    Modality.VIDEO: _frame,
    Modality.IMAGE: _frame,
    Modality.AUDIO: _audio,
    Modality.TEXT: _text,
    Modality.OBJECTS: _json,
    Modality.SERIES: _json,
    Modality.POINTS: _points,
}
