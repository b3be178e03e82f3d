"""Words, word pairs and pieces of words as numbers of buckets."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: What is looked at of a text at most, characters; bounds the work before MAX_GRAMS does.
_MAX_CHARACTERS = 4_096
#: A text with more different n-grams is represented by the first of them: about 60 words.
MAX_GRAMS = 1_024
#: Lengths of the pieces of a word, its bounds marked.
_PIECES = (3, 4, 5)
#: A question mark or a currency sign tells, so what is no letter is a word of its own.
_WORD = re.compile(r"\w+|[^\w\s]")


class Grams(NamedTuple):
    """Buckets int64 (n,), 1 to the number of buckets, ascending, each once, and how much each one
    counts, float32 (n,): 1 + log of how often it occurs. 0 <= n <= MAX_GRAMS.
    """

    buckets: NDArray[np.int64]
    counts: NDArray[np.float32]


def grams_of(text: str, buckets: int) -> Grams:
    """The hashing trick (Weinberger et al., ICML 2009) over words, word pairs and pieces of 3 to 5
    letters (subwords: Bojanowski et al., TACL 2017), with CRC-32, the same in every process.

    >>> one, other = grams_of("Where is it", 64), grams_of("where  IS it", 64)
    >>> one.buckets.tolist() == other.buckets.tolist()
    True
    """
    words = _WORD.findall(text[:_MAX_CHARACTERS].lower().replace("'", "").replace("’", ""))
    found = [f"w\x1f{word}" for word in words]
    found += [f"p\x1f{first}\x1f{second}" for first, second in pairwise(words)]
    for word in words:
        if len(found) >= MAX_GRAMS:
            break
        marked = f"<{word}>"
        for length in _PIECES:
            found += [f"c\x1f{marked[at : at + length]}" for at in range(len(marked) - length + 1)]
    counted = Counter(1 + zlib.crc32(gram.encode()) % buckets for gram in found[:MAX_GRAMS])
    order = sorted(counted)
    return Grams(
        np.asarray(order, np.int64),
        np.asarray([1.0 + np.log(counted[bucket]) for bucket in order], np.float32),
    )
