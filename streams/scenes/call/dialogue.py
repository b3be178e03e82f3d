"""The course of a call: turns, pauses, the customer's mood and what they want. The call's truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from streams.scenes.call.phrases import AGENT, INTENTS, MOODS, OPENERS
from streams.scenes.curves import Steps
from streams.scenes.spoken import Sentence, heard_between, one_of, speak
from streams.scenes.voice import Manner

AGENT_NAME = "agent"
CUSTOMER_NAME = "customer"

#: How each mood sounds. Level and pitch differ more between people than between moods, so tempo,
#: melody, tremor and pressure carry as much.
MANNERS = {
    "negative": Manner(1.22, 1.7, 6.4, 0.05, 0.05, 0.9),
    "neutral": Manner(1.00, 1.0, 4.6, 0.03, 0.00, 0.3),
    "positive": Manner(1.14, 1.2, 5.3, 0.24, 0.00, 0.4),
}
_AGENT_MANNER = Manner(1.0, 1.0, 5.0, 0.08, 0.0, 0.35)

#: Chunks begin in a window and end after it, and a face takes a moment to change: a mood that
#: turns this close to a window's bounds could be seen in it.
GUARD_S = 0.3
#: Talk in a window, in seconds, below which nobody talks, and above which somebody does.
SILENT_S = 0.12
TALKING_S = 0.8
#: A speaker leads if the other one talks for less than this share of their time.
LEADING_SHARE = 0.35


@dataclass(frozen=True, slots=True)
class Dialogue:
    """All that is true about one call.

    ``sentences`` ascend in time and never overlap; ``intents`` maps the index of a sentence to the
    intent that it carries; ``mood`` is the customer's.
    """

    sentences: tuple[Sentence, ...]
    intents: Mapping[int, str]
    mood: Steps[str]

    def between(self, start_s: float, end_s: float) -> Sequence[Sentence]:
        """The sentences that some of [start, end] lies in."""
        return heard_between(self.sentences, start_s, end_s)

    def sentiment(self, start_s: float, end_s: float) -> str | None:
        """The one mood around a span."""
        return self.mood.throughout(start_s - GUARD_S, end_s + GUARD_S)

    def intent(self, start_s: float, end_s: float) -> str | None:
        """The one intent of the sentences that end in a span: a recogniser gives them then."""
        found = {
            self.intents[i] for i in self.intents if start_s <= self.sentences[i].end_s < end_s
        }
        return found.pop() if len(found) == 1 else None

    def talk_s(self, speaker: str, start_s: float, end_s: float) -> float:
        """Seconds of a span in which one of the two talks."""
        return sum(
            max(0.0, min(end_s, one.end_s) - max(start_s, one.start_s))
            for one in self.between(start_s, end_s)
            if one.speaker == speaker
        )

    def speaker(self, start_s: float, end_s: float) -> str | None:
        """Who clearly talks most in a span; ``nobody`` where it is silent."""
        agent = self.talk_s(AGENT_NAME, start_s, end_s)
        customer = self.talk_s(CUSTOMER_NAME, start_s, end_s)
        if self._silent(start_s, end_s):
            return "nobody"
        if agent > TALKING_S and customer < LEADING_SHARE * agent:
            return AGENT_NAME
        if customer > TALKING_S and agent < LEADING_SHARE * customer:
            return CUSTOMER_NAME
        return None

    def _silent(self, start_s: float, end_s: float) -> bool:
        around = start_s - GUARD_S, end_s + GUARD_S
        return self.talk_s(AGENT_NAME, *around) + self.talk_s(CUSTOMER_NAME, *around) < SILENT_S


def hold_dialogue(duration_s: float, rng: np.random.Generator) -> Dialogue:
    """A call of at least ``duration_s``, drawn from ``rng``."""
    sentences: list[Sentence] = []
    intents: dict[int, str] = {}
    mood = _pick(tuple(MOODS), rng)
    moods = [(0.0, mood)]
    intent = _pick(tuple(INTENTS), rng)
    now = float(rng.uniform(0.2, 2.0))
    while now < duration_s:
        if rng.random() < 0.45:
            pause = float(rng.uniform(1.2, 2.4))
            mood = _pick([other for other in MOODS if other != mood], rng)
            moods.append((now + pause / 2, mood))
            now += pause
        if rng.random() < 0.5:
            intent = _pick([other for other in INTENTS if other != intent], rng)
        texts = _customer_texts(mood, intent, rng)
        for text, carried in texts:
            if carried:
                intents[len(sentences)] = intent
            sentences.append(speak(CUSTOMER_NAME, text, now, _vary(MANNERS[mood], rng), rng))
            now = sentences[-1].end_s + float(rng.uniform(0.12, 0.3))
        now += float(rng.uniform(0.2, 0.8))
        for _ in range(rng.integers(1, 3)):
            said = speak(AGENT_NAME, one_of(AGENT, rng), now, _vary(_AGENT_MANNER, rng), rng)
            sentences.append(said)
            now = said.end_s + float(rng.uniform(0.12, 0.3))
        # Many exchanges end in a wait: somebody looks something up.
        long_wait = rng.random() < 0.42
        now += float(rng.uniform(3.2, 7.0) if long_wait else rng.uniform(0.2, 0.9))
    return Dialogue(tuple(sentences), intents, Steps(moods))


def _customer_texts(mood: str, intent: str, rng: np.random.Generator) -> list[tuple[str, bool]]:
    # (text, carries the intent)
    def remark() -> tuple[str, bool]:
        return one_of(MOODS[mood], rng), False

    def wish() -> tuple[str, bool]:
        text = one_of(INTENTS[intent], rng)
        return (f"{one_of(OPENERS[mood], rng)} {text}" if rng.random() < 0.6 else text), True

    shapes = ((remark,), (wish,), (remark, wish), (wish, remark), (wish, wish), (wish, wish))
    return [say() for say in shapes[int(rng.integers(len(shapes)))]]


def _vary(manner: Manner, rng: np.random.Generator) -> Manner:
    pitch, loudness, tempo = np.exp(rng.normal(0.0, [0.03, 0.12, 0.04]))
    return Manner(
        pitch=manner.pitch * float(pitch),
        loudness=manner.loudness * float(loudness),
        syllables_per_s=manner.syllables_per_s * float(tempo),
        melody=manner.melody * float(rng.uniform(0.8, 1.2)),
        tremor=manner.tremor * float(rng.uniform(0.8, 1.2)),
        harshness=manner.harshness,
    )


def _pick(choices: tuple[str, ...] | list[str], rng: np.random.Generator) -> str:
    return choices[rng.integers(len(choices))]
