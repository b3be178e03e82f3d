"""Codecs: a raw payload and its content type in, one array of a fixed form out.

``decode`` is the entry, and ``decode_any`` where vectors are taken too; each modality has a module
that documents its form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.sample import Modality
from streams.compute import BadSample
from workers.codecs.audio import decode_audio
from workers.codecs.image import decode_frame, decode_still
from workers.codecs.media_type import MediaType, parse_media_type
from workers.codecs.objects import decode_objects
from workers.codecs.points import decode_points
from workers.codecs.series import decode_series
from workers.codecs.text import decode_text
from workers.codecs.vector import decode_vector, is_vector
from workers.errors import CodecError
from workers.remedies import with_remedy

Array = NDArray[Any]

_DECODERS: dict[Modality, Callable[[bytes, MediaType], Array]] = {
    Modality.VIDEO: decode_frame,
    Modality.AUDIO: decode_audio,
    Modality.TEXT: decode_text,
    Modality.OBJECTS: decode_objects,
    Modality.POINTS: decode_points,
    Modality.IMAGE: decode_still,
    Modality.SERIES: decode_series,
}


def decode(modality: Modality, content_type: str, payload: bytes) -> Array | BadSample:
    """Decode one payload; whatever is wrong with it comes back as a ``BadSample``.

    Nothing is raised for any payload: a decoder that fails in a way it did not foresee gives
    reason ``undecodable`` and the failure's type, never its text, which may quote the payload.
    """
    return guarded(_DECODERS[modality], modality, content_type, payload)


def decode_any(modality: Modality, content_type: str, payload: bytes) -> Array | BadSample:
    """As ``decode``; a vector that was computed elsewhere is decoded as one, whatever its modality:
    float32 (width,).
    """
    decoder = decode_vector if is_vector(content_type) else _DECODERS[modality]
    return guarded(decoder, modality, content_type, payload)


def guarded(
    decoder: Callable[[bytes, MediaType], Array],
    modality: Modality,
    content_type: str,
    payload: bytes,
) -> Array | BadSample:
    """What a decoder of one's own makes of a payload, under the same promise as ``decode``."""
    if not payload:
        return BadSample("empty_value", "CodecError", f"expected {modality.value}, got no bytes")
    try:
        array = decoder(payload, parse_media_type(content_type))
    except CodecError as error:
        return BadSample(error.reason, "CodecError", str(error))
    except Exception as error:
        name = type(error).__name__
        return BadSample("undecodable", name, f"the {modality.value} decoder failed with {name}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        reason = "non_finite_value"
        message = with_remedy(reason, f"{modality.value}: a value is NaN or infinite")
        return BadSample(reason, "CodecError", message)
    return array
