"""Calls put together from EMO-DB's voices and BANKING77's words: a customer speaks with an emotion
while a transcript, of something else, comes in.

Layout: a folder with ``emodb``, ``banking77`` and ``clinc150`` as their own readers take them. Of
CLINC150, what is not about banking is out of scope.
"""

from __future__ import annotations

import io
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from schemas.units import US_PER_S
from streams.feed.item import FeedItem
from workers.codecs.mel import RATE_HZ
from workers.datasets import banking77, clinc150, emodb
from workers.datasets.base import DataSet, Label, Split
from workers.datasets.call_speech import Utterance, spoken
from workers.datasets.files import read_json
from workers.datasets.making import START_US, in_order, sorted_labels, words
from workers.errors import DataSetError

ABOUT = (
    "calls put together of EMO-DB's voices and BANKING77's sentences: emotion, sentiment, intent"
)
OUT_OF_SCOPE = "out_of_scope"
EMOTIONS = emodb.EMOTIONS
#: What is taken of an emotion for the sentiment of who has it.
SENTIMENT_OF = {
    "anger": "negative",
    "sadness": "negative",
    "neutral": "neutral",
    "happiness": "positive",
}
SENTIMENTS = ("negative", "neutral", "positive")
#: Speakers that are measured on, a woman and a man.
TEST_SPEAKERS = frozenset({"10", "14"})
#: Domains of CLINC150 that a bank's customer may well ask about.
_OF_A_BANK = ("banking", "credit_cards")
#: Length of a step of the pipeline, which labels of words last.
_STEP_US = 3 * US_PER_S
#: One sentence of CLINC150 in so many of those out of scope: a third of BANKING77's number.
_OF_OTHERS = 4
#: One session of words alone in so many says that a voice that is not heard is neutral.
_VOICELESS = 20
#: Seconds from one sentence to the next where a voice is heard, on average.
_BETWEEN_S = 6.0


@dataclass(frozen=True, slots=True)
class _Sentence:
    split: Split
    text: str
    intent: str


def load(path: Path, *, arrangements: int = 4) -> DataSet:
    """Read the three sets. Each speaker is heard in as many calls as ``arrangements`` says, the
    utterances in another order each time; besides, each sentence is a call without a voice.

    Raises ``DataSetError``.
    """
    sentences = _sentences(path)
    rng = np.random.default_rng(0)
    items: list[FeedItem] = []
    labels: list[Label] = []
    groups: dict[str, str] = {}
    splits: dict[str, Split] = {}
    for speaker, utterances in sorted(utterances_of(path / "emodb").items()):
        split: Split = "test" if speaker in TEST_SPEAKERS else "train"
        texts = [one for one in sentences if one.split == split]
        for number in range(arrangements if split == "train" else 1):
            session = f"voice-{speaker}-{number}"
            heard, emotions = spoken(session, utterances, rng, plain=split == "test")
            said, intents = _said(session, texts, heard[-1].end_us, rng)
            items += heard + said
            labels += _felt(emotions) + intents
            groups[session], splits[session] = speaker, split
    for number, one in enumerate(sentences):
        session = f"words-{number:05d}"
        items.append(words(session, "transcript", "asr", START_US, _written(one.text, number)))
        labels.append(Label(session, START_US, START_US + _STEP_US, "intent", one.intent))
        if number % _VOICELESS == 0 and one.split == "train":
            silence = Label(session, START_US, START_US + _STEP_US, "emotion", "neutral")
            labels += _felt([silence])
        groups[session], splits[session] = session, one.split
    intents_known = sorted({one.intent for one in sentences} - {OUT_OF_SCOPE})
    return DataSet(
        "call_real",
        lambda: in_order(items),
        sorted_labels(labels),
        {
            "emotion": EMOTIONS,
            "sentiment": SENTIMENTS,
            "intent": (*intents_known, OUT_OF_SCOPE),
        },
        groups,
        "CC0 1.0 (EMO-DB), CC BY 4.0 (BANKING77), CC BY 3.0 (CLINC150)",
        True,
        "EMO-DB (Burkhardt et al. 2005), BANKING77 (Casanueva et al. 2020), CLINC150 (Larson et "
        "al. 2019) without its banking domains; tested on speakers "
        f"{', '.join(sorted(TEST_SPEAKERS))}, BANKING77's test set and CLINC150's validation set",
        splits,
    )


def _sentences(path: Path) -> list[_Sentence]:
    bank = _read(banking77.load(path / "banking77"))
    domains = read_json(path / "clinc150" / "domains.json")
    if not isinstance(domains, dict) or not all(name in domains for name in _OF_A_BANK):
        raise DataSetError(
            f"{path}: clinc150/domains.json: expected intents by domain, got another form; copy it "
            "anew"
        )
    of_a_bank = {intent for name in _OF_A_BANK for intent in domains[name]}
    others = [one for one in _read(clinc150.load(path / "clinc150")) if one.intent not in of_a_bank]
    kept = [
        _Sentence("train" if one.split == "train" else "test", one.text, OUT_OF_SCOPE)
        for number, one in enumerate(others)
        if one.intent == clinc150.OUT_OF_SCOPE or number % _OF_OTHERS == 0
    ]
    return bank + kept


def _read(data: DataSet) -> list[_Sentence]:
    intent = {label.session: label.label for label in data.labels}
    return [
        _Sentence(data.splits[item.session], item.payload.decode(), intent[item.session])
        for item in data.items()
    ]


def utterances_of(path: Path) -> dict[str, list[Utterance]]:
    """Speaker -> utterances, float32 at 16 kHz."""
    data = emodb.load(path)
    emotion = {(label.session, label.start_us): label.label for label in data.labels}
    found: dict[str, list[Utterance]] = {}
    for item in data.items():
        signal, rate_hz = soundfile.read(io.BytesIO(item.payload), dtype="float32")
        if rate_hz != RATE_HZ or signal.ndim != 1:
            raise DataSetError(f"{path}: expected mono at {RATE_HZ} Hz, got {rate_hz} Hz")
        told = emotion[item.session, item.start_us]
        found.setdefault(data.groups[item.session], []).append(Utterance(signal, told))
    return found


def _said(
    session: str, texts: Sequence[_Sentence], end_us: int, rng: np.random.Generator
) -> tuple[list[FeedItem], list[Label]]:
    """Sentences while a voice is heard, one a step at most; steps without any are out of scope."""
    items: list[FeedItem] = []
    labels: list[Label] = []
    for number, start_us in enumerate(range(START_US, end_us, _STEP_US)):
        intent = OUT_OF_SCOPE
        if rng.random() < _STEP_US / US_PER_S / _BETWEEN_S:
            one = texts[int(rng.integers(len(texts)))]
            intent = one.intent
            at_us = start_us + int(rng.integers(_STEP_US))
            text = _written(one.text, number)
            items.append(words(session, "transcript", "asr", at_us, text, len(items)))
        labels.append(Label(session, start_us, start_us + _STEP_US, "intent", intent))
    return items, labels


def _felt(emotions: Sequence[Label]) -> list[Label]:
    """Emotions, and the sentiment that follows from each."""
    return [
        *emotions,
        *(one._replace(task="sentiment", label=SENTIMENT_OF[one.label]) for one in emotions),
    ]


def _written(text: str, number: int) -> str:
    """As it is or, every other time, as a recogniser of speech writes it: no marks, no capitals."""
    if number % 2:
        return text
    return text.lower().translate(str.maketrans("", "", string.punctuation)) or text
