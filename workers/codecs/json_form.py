"""Strict JSON of a declared form."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from workers.errors import CodecError

T = TypeVar("T")


def read_json(payload: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode strict JSON (no NaN) into the decoder's type.

    Raises ``CodecError``: ``not_utf8``, ``not_json``, ``bad_json`` (JSON of another form).
    """
    try:
        return decoder.decode(payload)
    except msgspec.ValidationError as error:  # its text names members and types, not values
        raise CodecError("bad_json", f"JSON of another form: {error}") from None
    except msgspec.DecodeError:
        raise CodecError("not_json", f"expected JSON, got {len(payload)} other bytes") from None
    except UnicodeDecodeError:
        raise CodecError("not_utf8", "expected JSON in UTF-8") from None
