"""What a model keeps of a session, as the store and the results topic have it: the digest of the
kind that it is of, and the model's own bytes.
"""

from __future__ import annotations

_KIND_BYTES = 8


def pack_state(kind: str, state: bytes) -> bytes:
    """State as it is kept; ``kind``: a hexadecimal digest of at least 16 digits.

    >>> unpack_state("00" * 8, pack_state("00" * 8, b"tracks"))
    b'tracks'
    """
    return bytes.fromhex(kind)[:_KIND_BYTES] + state


def unpack_state(kind: str, kept: bytes) -> bytes:
    """A model's own state; empty where there is none, or where it is not ``is_of_kind``."""
    return kept[_KIND_BYTES:] if is_of_kind(kind, kept) else b""


def is_of_kind(kind: str, kept: bytes) -> bool:
    """Whether kept state is of a kind. An empty one: the model keeps none."""
    return bool(kind) and kept[:_KIND_BYTES] == bytes.fromhex(kind)[:_KIND_BYTES]
