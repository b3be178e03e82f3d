"""How long a WAV or FLAC chunk lasts, as its header says; its samples are not looked at.

Sources: RIFF/WAVE, "Multimedia Programming Interface and Data Specifications 1.0" (IBM and
Microsoft, 1991); FLAC's STREAMINFO, RFC 9639, section 8.2.
"""

from __future__ import annotations

import struct

_US_PER_S = 1_000_000
_WAV_CHUNK = struct.Struct("<4sI")
#: Of a ``fmt`` chunk: kind of coding, channels, frames a second, bytes a second, bytes of a frame.
_WAV_FORMAT = struct.Struct("<HHIIH")
#: Kinds that have as many bytes a frame as they say: PCM, float, A-law, mu-law, extensible.
_EVEN_KINDS = frozenset({0x0001, 0x0003, 0x0006, 0x0007, 0xFFFE})
#: Sizes of a data chunk whose writer could not go back and fill it in: it is all that follows.
WAV_UNKNOWN_SIZES = frozenset({0, 0xFFFFFFFF})
#: Chunks that are looked through for the data; an honest file has a handful before it.
_MOST_CHUNKS = 64
#: Where in a FLAC file STREAMINFO has its rate (20 bits), form (8) and count of frames (36).
_FLAC_RATE_AT, _FLAC_INFO_END = 18, 26


def wav_us(payload: bytes) -> int:
    """Microseconds that a WAV lasts, rounded; 0 where its header does not tell.

    Of a compressed one, by its mean bytes a second. A data chunk that says more than there is
    counts as what it says: that the rest is missing is for the decoder to refuse.
    """
    bytes_per_s = 0
    at = 12
    for _ in range(_MOST_CHUNKS):
        if at + _WAV_CHUNK.size > len(payload):
            return 0
        kind, size = _WAV_CHUNK.unpack_from(payload, at)
        at += _WAV_CHUNK.size
        if kind == b"fmt " and at + _WAV_FORMAT.size <= len(payload):
            coding, _, rate_hz, bytes_per_s, frame_bytes = _WAV_FORMAT.unpack_from(payload, at)
            if coding in _EVEN_KINDS:
                # The frames tell it, whatever the mean that was written down.
                bytes_per_s = rate_hz * frame_bytes
        elif kind == b"data":
            if size in WAV_UNKNOWN_SIZES:
                size = len(payload) - at
            return _rounded(size, bytes_per_s)
        at += size + size % 2
    return 0


def flac_us(payload: bytes) -> int:
    """Microseconds that a FLAC lasts, rounded; 0 where its header does not tell."""
    if len(payload) < _FLAC_INFO_END or payload[4] & 0x7F:
        return 0
    packed = int.from_bytes(payload[_FLAC_RATE_AT:_FLAC_INFO_END])
    return _rounded(packed & (1 << 36) - 1, packed >> 44)


def _rounded(count: int, per_s: int) -> int:
    return (count * _US_PER_S + per_s // 2) // per_s if per_s else 0
