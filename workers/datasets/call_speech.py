"""Utterances as a microphone of a call hands them over: one stream of chunks, its level and rate
those of some telephone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray

from schemas.units import US_PER_S
from streams.feed.audio import to_s16le
from streams.feed.item import FeedItem
from workers.codecs.mel import RATE_HZ
from workers.datasets.base import Label
from workers.datasets.making import START_US

#: Utterances of one emotion that follow each other: moods last.
_RUN = (2, 5)
_PAUSE_S = (0.2, 0.6)
#: Noise of a quiet line, standard deviation in parts of full scale: -70 dB.
_NOISE = 3e-4
_LEVEL_DB = (-12.0, 3.0)
_CHUNKS_S = (0.5, 0.75, 1.0)
_RATES_HZ = (8_000, 16_000)


class Utterance(NamedTuple):
    """``signal``: float32 (samples,) at 16 kHz."""

    signal: NDArray[np.float32]
    emotion: str


def spoken(
    session: str, utterances: Sequence[Utterance], rng: np.random.Generator, *, plain: bool
) -> tuple[list[FeedItem], list[Label]]:
    """The chunks of a call and the labels of its task ``emotion``, each until the next begins.

    All utterances, in runs of one emotion each. ``plain``: at the level and rate at which they were
    recorded; otherwise at others that are drawn.
    """
    rate_hz = RATE_HZ if plain else int(rng.choice(_RATES_HZ))
    gain = 1.0 if plain else 10.0 ** (rng.uniform(*_LEVEL_DB) / 20.0)
    parts: list[NDArray[np.float32]] = []
    labels: list[Label] = []
    samples = 0
    for one in _in_runs(utterances, rng):
        pause = np.zeros(int(rng.uniform(*_PAUSE_S) * RATE_HZ), np.float32)
        start_us = START_US + samples * US_PER_S // RATE_HZ
        parts += [one.signal, pause]
        samples += len(one.signal) + len(pause)
        end_us = START_US + samples * US_PER_S // RATE_HZ
        if labels and labels[-1].label == one.emotion:
            labels[-1] = labels[-1]._replace(end_us=end_us)
        else:
            labels.append(Label(session, start_us, end_us, "emotion", one.emotion))
    signal = np.concatenate(parts) * np.float32(gain)
    signal += rng.normal(0.0, _NOISE, len(signal)).astype(np.float32)
    chunk_s = 0.5 if plain else float(rng.choice(_CHUNKS_S))
    return _chunks(session, signal, rate_hz, chunk_s), labels


def _in_runs(utterances: Sequence[Utterance], rng: np.random.Generator) -> list[Utterance]:
    waiting: dict[str, list[Utterance]] = {}
    for position in rng.permutation(len(utterances)):
        waiting.setdefault(utterances[position].emotion, []).append(utterances[position])
    ordered: list[Utterance] = []
    while waiting:
        last = ordered[-1].emotion if ordered else ""
        others = sorted(name for name in waiting if name != last) or sorted(waiting)
        chosen = others[int(rng.integers(len(others)))]
        count = int(rng.integers(*_RUN))
        ordered += waiting[chosen][:count]
        waiting[chosen] = waiting[chosen][count:]
        if not waiting[chosen]:
            del waiting[chosen]
    return ordered


def _chunks(
    session: str, signal: NDArray[np.float32], rate_hz: int, chunk_s: float
) -> list[FeedItem]:
    if rate_hz != RATE_HZ:
        signal = soxr.resample(signal, RATE_HZ, rate_hz)
    content_type = f"audio/pcm;rate={rate_hz};channels=1;format=s16le"
    length = int(chunk_s * rate_hz)
    items = []
    for number, first in enumerate(range(0, len(signal), length)):
        chunk = signal[first : first + length]
        start_us = START_US + first * US_PER_S // rate_hz
        end_us = START_US + (first + len(chunk)) * US_PER_S // rate_hz
        payload = to_s16le(chunk)
        items.append(
            FeedItem(
                session, "audio", "mic", start_us, end_us, content_type, payload, number, end_us
            )
        )
    return items
