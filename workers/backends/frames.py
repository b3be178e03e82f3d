"""What several models make of one sample, in one feature; equal parts are stored once.

Layout: number of models (1 byte); per model the index of its part, or ``ABSENT`` or ``FAILED``
(1 byte each); per stored part its length (4 bytes, little-endian); the parts.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import Enum

_NOT_ITS_MODALITY, _NOT_ENCODED = 254, 255
#: Indices are a byte, less the two above.
MAX_MODELS = 64


class Gap(Enum):
    """Why a model has no part of a sample: it does not take it, or it could not encode it."""

    ABSENT = _NOT_ITS_MODALITY
    FAILED = _NOT_ENCODED


def pack(parts: Sequence[bytes | Gap]) -> bytes:
    """One feature of a part per model.

    >>> unpack(pack([b"a", Gap.FAILED, b"a"]))
    [b'a', <Gap.FAILED: 255>, b'a']
    >>> len(pack([b"a" * 100, b"a" * 100]))
    107
    """
    if not 1 <= len(parts) <= MAX_MODELS:
        raise ValueError(f"expected 1 to {MAX_MODELS} parts, got {len(parts)}")
    stored: dict[bytes, int] = {}
    slots = [
        part.value if isinstance(part, Gap) else stored.setdefault(part, len(stored))
        for part in parts
    ]
    lengths = struct.pack(f"<{len(stored)}I", *map(len, stored))
    return b"".join([bytes([len(parts)]), bytes(slots), lengths, *stored])


def unpack(feature: bytes) -> list[bytes | Gap]:
    """The parts of a feature. Raises ``ValueError`` where it was not made by ``pack``."""
    if not feature or len(feature) < 1 + feature[0]:
        raise ValueError("expected features of several models, got something else")
    slots = feature[1 : 1 + feature[0]]
    count = 1 + max((slot for slot in slots if slot < _NOT_ITS_MODALITY), default=-1)
    at = 1 + len(slots) + 4 * count
    if len(feature) < at:
        raise ValueError("expected features of several models, got something else")
    lengths = struct.unpack_from(f"<{count}I", feature, 1 + len(slots))
    if at + sum(lengths) != len(feature):
        raise ValueError("expected features of several models, got something else")
    stored = []
    for length in lengths:
        stored.append(feature[at : at + length])
        at += length
    return [stored[slot] if slot < _NOT_ITS_MODALITY else Gap(slot) for slot in slots]
