"""What is heard in the cabin: road noise, and at times people who talk or a siren."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streams.scenes.curves import Steps
from streams.scenes.spoken import Sentence, heard_between, one_of, speak
from streams.scenes.voice import Manner, Noise, Voice, Wave

QUIET, SPEECH, SIREN = "quiet", "speech", "siren"
KINDS = (QUIET, SPEECH, SIREN)
#: A chunk that begins in a window lasts up to this much longer than the window.
GUARD_S = 0.25

REMARKS = (
    "{turn left|turn right|go straight} {at the next light|here|after the bridge}",
    "{are we there yet|how far is it|is it much farther}",
    "{can you|could you} {open a window|turn the heating down|call home}",
    "{look at that|mind the bus|there is a parking space}",
    "I {am hungry|need a break|forgot my phone}",
    "{play|find} {some music|the news|my playlist}",
    "{we are|it looks like we are} {late|early|almost home}",
)
_MANNER = Manner(1.0, 1.0, 5.2, 0.1, 0.0, 0.4)


@dataclass(frozen=True, slots=True)
class Siren:
    """A wailing tone: sweeps between two frequencies, hertz, ``wails_per_s`` times a second."""

    low_hz: float
    high_hz: float
    wails_per_s: float
    level: float

    def sound(self, times_s: npt.NDArray[np.float64]) -> Wave:
        """Float samples, shape (n,), at the given scene times."""
        middle, swing = (self.low_hz + self.high_hz) / 2, (self.high_hz - self.low_hz) / 2
        turn = 2.0 * np.pi * self.wails_per_s
        phase = 2.0 * np.pi * (middle * times_s - swing / turn * np.cos(turn * times_s))
        wave: Wave = (self.level * (np.sin(phase) + 0.3 * np.sin(2.0 * phase))).astype(np.float32)
        return wave


@dataclass(frozen=True, slots=True)
class Cabin:
    """All that is true about the cabin's sound; ``sentences`` lie within ``speech`` steps."""

    kind: Steps[str]
    sentences: Sequence[Sentence]
    siren: Siren
    voice: Voice
    voice_level: float
    noise: Noise
    noise_level: float

    def label(self, start_s: float, end_s: float) -> str | None:
        """What is heard around the whole of a span."""
        return self.kind.throughout(start_s - 0.05, end_s + GUARD_S)

    def sound(self, first_sample: int, times_s: npt.NDArray[np.float64], speed_m_s: float) -> Wave:
        """Float samples, shape (n,), of the cabin microphone."""
        loudness = self.noise_level * (0.4 + 0.06 * min(speed_m_s, 15.0))
        wave: Wave = self.noise.read(first_sample, len(times_s)) * np.float32(loudness)
        start_s, end_s = float(times_s[0]), float(times_s[-1])
        for sentence in heard_between(self.sentences, start_s, end_s):
            first, last = np.searchsorted(times_s, [sentence.start_s, sentence.end_s])
            if first < last:
                said = self.voice.say(sentence.utterance, times_s[first:last])
                wave[first:last] += np.float32(self.voice_level) * said
        for begin, stop, kind in self.kind.between(start_s, end_s):
            if kind == SIREN:
                first, last = np.searchsorted(times_s, [begin, stop])
                wave[first:last] += self.siren.sound(times_s[first:last])
        return wave


def furnish_cabin(duration_s: float, rng: np.random.Generator) -> Cabin:
    """A cabin's sounds for at least ``duration_s``, drawn from ``rng``."""
    steps: list[tuple[float, str]] = []
    sentences: list[Sentence] = []
    kind = KINDS[rng.integers(len(KINDS))]
    now = -float(rng.uniform(0.0, 2.0))
    while now < duration_s + 1.0:
        steps.append((now, kind))
        until = now + float(rng.uniform(3.0, 6.0))
        if kind == SPEECH:
            while now < until:
                text = one_of(REMARKS, rng)
                sentences.append(speak("occupant", text, now + 0.04, _MANNER, rng))
                now = sentences[-1].end_s
        else:
            now = until
        kind = [other for other in KINDS if other != kind][rng.integers(2)]
    low = float(rng.uniform(500.0, 750.0))
    return Cabin(
        kind=Steps(steps),
        sentences=sentences,
        siren=Siren(
            low,
            low * float(rng.uniform(1.6, 2.1)),
            float(rng.uniform(0.3, 1.5)),
            float(rng.uniform(0.1, 0.25)),
        ),
        voice=Voice(float(rng.uniform(95.0, 215.0)), float(rng.uniform(0.95, 1.2))),
        voice_level=float(rng.uniform(0.2, 0.5)),
        noise=Noise(rng, darkness=float(rng.uniform(1.2, 1.8))),
        noise_level=float(rng.uniform(0.008, 0.03)),
    )
