"""Feature vectors that were computed elsewhere: float32 values, one after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from schemas.content_type import VECTOR
from workers.codecs.media_type import MediaType, parse_media_type
from workers.errors import CodecError

_VALUE = np.dtype("<f4")
VALUE_BYTES = _VALUE.itemsize
#: Values of one vector; 256 KB.
MAX_WIDTH = 65_536


def is_vector(content_type: str) -> bool:
    """Whether a content type is that of a vector."""
    return parse_media_type(content_type).essence == VECTOR


def decode_vector(payload: bytes, media: MediaType) -> NDArray[np.float32]:
    """A vector, float32 (1 to MAX_WIDTH,). The parameter ``width``, where given, has to be right.

    Raises ``CodecError``: ``unknown_content_type``, ``unsupported_format``, ``odd_length``,
    ``vector_too_long``, ``wrong_width``, ``bad_parameter``.
    """
    if media.essence != VECTOR:
        raise CodecError("unknown_content_type", f"expected {VECTOR}, got {media.essence!r:.80}")
    name = media.parameters.get("dtype", "f32le").lower()
    if name != "f32le":
        raise CodecError("unsupported_format", f"expected dtype f32le, got {name!r:.40}")
    if len(payload) % VALUE_BYTES:
        raise CodecError(
            "odd_length", f"expected a multiple of {VALUE_BYTES} bytes, got {len(payload)}"
        )
    width = len(payload) // VALUE_BYTES
    if width > MAX_WIDTH:
        raise CodecError("vector_too_long", f"expected at most {MAX_WIDTH} values, got {width}")
    expected = media.integer("width", width)
    if width != expected:
        raise CodecError("wrong_width", f"expected {expected} values, got {width}")
    return np.frombuffer(payload, _VALUE).astype(np.float32)
