"""Transcript segments and notes as hashed n-grams."""

from __future__ import annotations

import re
import zlib
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.payloads import TextSegment
from workers.codecs.json_form import read_json
from workers.codecs.media_type import MediaType
from workers.errors import CodecError

#: Ids 1 to WORD_BUCKETS are words and word pairs, the next CHAR_BUCKETS are letter trigrams;
#: 0 is padding.
WORD_BUCKETS = 2_048
CHAR_BUCKETS = 1_024
VOCABULARY = 1 + WORD_BUCKETS + CHAR_BUCKETS
#: A longer text is represented by its beginning: about 150 words.
MAX_IDS = 1_024
#: What is looked at of a text at most, characters; bounds the work before MAX_IDS does.
_MAX_CHARACTERS = 8_192
_WORD = re.compile(r"\w+(?:['’]\w+)*")


_segments = msgspec.json.Decoder(TextSegment)


def _word_id(gram: str) -> int:
    return 1 + zlib.crc32(gram.encode()) % WORD_BUCKETS


def _char_id(gram: str) -> int:
    return 1 + WORD_BUCKETS + zlib.crc32(gram.encode()) % CHAR_BUCKETS


def hash_text(text: str, speaker: str | None = None) -> NDArray[np.int64]:
    """Ids of a text's n-grams, int64 (0 to MAX_IDS,), 1 to VOCABULARY - 1, words first.

    The hashing trick (Weinberger et al., ICML 2009) over words, word pairs and letter trigrams
    (subwords: Bojanowski et al., TACL 2017), with CRC-32, which is the same in every process.

    >>> bool((hash_text("Cancel it") == hash_text("cancel  IT!")).all())
    True
    """
    words = _WORD.findall(text[:_MAX_CHARACTERS].lower())
    ids = [] if speaker is None else [_word_id(f"speaker\x1f{speaker.lower()[:64]}")]
    ids += [_word_id(word) for word in words]
    ids += [_word_id(f"{a}\x1f{b}") for a, b in pairwise(words)]
    for word in words:
        if len(ids) >= MAX_IDS:
            break
        marked = f"<{word}>"
        ids += [_char_id(marked[i : i + 3]) for i in range(len(marked) - 2)]
    return np.asarray(ids[:MAX_IDS], np.int64)


def read_text(payload: bytes, media: MediaType) -> tuple[str, str | None]:
    """A text and, where the payload names one, its speaker.

    ``text/plain`` is UTF-8 (ASCII is a part of it); ``application/json`` is ``{"text": …,
    "words": [{"word", "start_ms", "end_ms"}], "speaker": …}``, of which only ``text`` is required.
    Raises ``CodecError``: ``unknown_content_type``, ``unsupported_charset``, ``not_utf8``,
    ``not_json``, ``bad_json``.
    """
    charset = media.parameters.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8", "us-ascii", "ascii"):
        raise CodecError("unsupported_charset", f"expected utf-8, got {charset!r:.40}")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CodecError(
            "not_utf8", f"expected UTF-8, byte {error.start} of {len(payload)} is not"
        ) from None
    if media.essence == "text/plain":
        return text, None
    if media.essence == "application/json":
        segment = read_json(payload, _segments)
        return segment.text, segment.speaker
    raise CodecError(
        "unknown_content_type",
        f"expected text/plain or application/json, got {media.essence!r:.80}",
    )


def decode_text(payload: bytes, media: MediaType) -> NDArray[np.int64]:
    """Ids of one text, int64 (0 to MAX_IDS,). Raises as ``read_text`` does."""
    return hash_text(*read_text(payload, media))
