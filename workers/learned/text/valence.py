"""How positive or negative the words of a text are, by a published lexicon and its rules."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.backends.extras import require

_PACKAGE, _EXTRA = "vaderSentiment", "text"
#: Values that are told of a text.
VALENCE_WIDTH = 7
#: Around a word that is looked up.
_MARKS = ".,;:!?\"'()"


def valence_of(text: str) -> NDArray[np.float32]:
    """VADER (Hutto and Gilbert, ICWSM 2014; MIT): its compound score and shares of negative,
    positive and neutral words, which know of negation and emphasis; then sum, highest and lowest
    valence of single words, which do not. float32 (7,), finite for any text.

    Raises ``ModelError`` where ``sensorium[text]`` is not installed.
    """
    judge = _judge()
    scores = judge.polarity_scores(text)
    words = [judge.lexicon.get(word.strip(_MARKS).lower(), 0.0) for word in text.split()]
    return np.asarray(
        [
            scores["compound"],
            scores["neg"],
            scores["pos"],
            scores["neu"],
            sum(words),
            max(words, default=0.0),
            min(words, default=0.0),
        ],
        np.float32,
    )


@lru_cache(maxsize=1)
def valence_digest() -> str:
    """Digest of the lexicon and its package's version, hex."""
    words = repr(sorted(_judge().lexicon.items()))
    return hashlib.sha256(f"{version(_PACKAGE)} {words}".encode()).hexdigest()


@lru_cache(maxsize=1)
def _judge() -> Any:
    """For use from many threads: nothing of it changes once it is made."""
    return require(f"{_PACKAGE}.{_PACKAGE}", _EXTRA).SentimentIntensityAnalyzer()
