"""Sentences in time: words from templates, syllables, transcript segments."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streams.scenes.voice import VOWELS, Manner, Utterance

_CHOICE = re.compile(r"\{([^{}]*)\}")
_VOWEL_GROUP = re.compile(r"[aeiouy]+")


def expand(template: str, rng: np.random.Generator) -> str:
    """Fill a template: each ``{a|b|c}`` becomes one of its alternatives, which may be empty.

    >>> expand("{hi|hi} there", np.random.default_rng(0))
    'hi there'
    """
    text = template
    while found := _CHOICE.search(text):
        choices = found[1].split("|")
        text = text[: found.start()] + choices[rng.integers(len(choices))] + text[found.end() :]
    return " ".join(text.split())


def one_of(templates: Sequence[str], rng: np.random.Generator) -> str:
    """A filled template out of several."""
    return expand(templates[int(rng.integers(len(templates)))], rng)


def syllables(word: str) -> int:
    """Roughly how many syllables a word has, at least one."""
    return max(1, len(_VOWEL_GROUP.findall(word.lower().rstrip("e"))))


@dataclass(frozen=True, slots=True)
class Sentence:
    """One spoken sentence: who says it, what, and when, by the scene's clock."""

    speaker: str
    text: str
    utterance: Utterance

    @property
    def start_s(self) -> float:
        """Start, seconds since the scene's start."""
        return self.utterance.start_s

    @property
    def end_s(self) -> float:
        """End, seconds since the scene's start."""
        return self.utterance.end_s

    def segment(self) -> bytes:
        """The transcript segment as JSON, with word times in milliseconds from its own start."""
        per_ms = self.utterance.manner.syllables_per_s / 1_000.0
        words = []
        done = 0
        for word in self.text.split():
            start, done = done, done + syllables(word)
            words.append(
                {
                    "word": word,
                    "start_ms": round(start / per_ms),
                    "end_ms": round((done - 0.1) / per_ms),
                }
            )
        body = {"text": self.text, "speaker": self.speaker, "words": words}
        return json.dumps(body, separators=(",", ":")).encode()


def heard_between(
    sentences: Sequence[Sentence], start_s: float, end_s: float
) -> Sequence[Sentence]:
    """Of sentences that ascend and never overlap, those that some of [start, end] lies in."""
    first = bisect_right(sentences, start_s, key=lambda one: one.end_s)
    last = bisect_right(sentences, end_s, key=lambda one: one.start_s)
    return sentences[first:last]


def speak(
    speaker: str, text: str, start_s: float, manner: Manner, rng: np.random.Generator
) -> Sentence:
    """A sentence as long as its syllables take at the manner's tempo."""
    count = sum(syllables(word) for word in text.split())
    vowels = tuple(int(vowel) for vowel in rng.integers(0, VOWELS, count))
    end_s = start_s + count / manner.syllables_per_s
    return Sentence(speaker, text, Utterance(start_s, end_s, manner, vowels))
