"""One call and its sensors: two microphones, a speech recogniser, a camera."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import inf

import numpy as np
import numpy.typing as npt

from schemas.units import US_PER_MS, US_PER_S
from streams.scenes.call.dialogue import AGENT_NAME, CUSTOMER_NAME, hold_dialogue
from streams.scenes.call.face import FROWN, MOUTH, Expression, draw_face, make_look
from streams.scenes.call.phrases import INTENTS, MOODS
from streams.scenes.curves import Curve
from streams.scenes.rig import JPEG, JSON, PCM, Clockwork, Slot, Track, start_phase_us
from streams.scenes.seeds import stable_rng
from streams.scenes.voice import RATE_HZ, Noise, Voice, Wave, to_pcm

INPUTS: Mapping[str, tuple[str, ...]] = {
    "audio": ("mic.agent", "mic.customer"),
    "transcript": ("asr",),
    "video": ("camera.customer",),
}
TASKS: Mapping[str, tuple[str, ...]] = {
    "sentiment": tuple(MOODS),
    "intent": tuple(INTENTS),
    "speaker": (AGENT_NAME, CUSTOMER_NAME, "nobody"),
}
CHUNK_US = 200 * US_PER_MS
FRAME_US = 200 * US_PER_MS
#: Of the other's voice, what a microphone picks up besides its own.
CROSSTALK = 0.03
#: Seconds that a face takes from one mood to the next.
CHANGE_S = 0.3
#: Least talk in a window, in seconds, from which a voice's mood can be told without a face.
AUDIBLE_S = 0.6


class CallWorld:
    """The truth of one call, a function of (seed, session), and what its sensors give of it."""

    def __init__(
        self, session: str, *, seed: int, duration_us: int, inputs: Collection[str]
    ) -> None:
        rng = stable_rng(seed, session, "world")
        self._inputs = frozenset(inputs)
        self._dialogue = hold_dialogue(duration_us / US_PER_S, rng)
        self._voices = {
            name: Voice(float(rng.uniform(95.0, 215.0)), float(rng.uniform(0.95, 1.2)))
            for name in (AGENT_NAME, CUSTOMER_NAME)
        }
        self._levels = {
            name: float(np.exp(rng.uniform(np.log(0.12), np.log(0.35)))) for name in self._voices
        }
        self._noise = Noise(rng, darkness=float(rng.uniform(0.6, 1.4)))
        self._noise_level = float(np.exp(rng.uniform(np.log(0.001), np.log(0.006))))
        self._look = make_look(rng)
        self._blink_s = float(rng.uniform(2.5, 4.5))
        self._blink_phase_s = float(rng.uniform(0.3, 2.5))
        moods = self._dialogue.mood.between(-1.0, inf)
        self._mouth = _eased([(start, MOUTH[mood]) for start, _, mood in moods])
        self._frown = _eased([(start, FROWN[mood]) for start, _, mood in moods])
        tracks = [
            self._microphone(seed, session, f"mic.{name}", name, duration_us)
            for name in (AGENT_NAME, CUSTOMER_NAME)
        ]
        tracks += [
            self._recogniser(seed, session, duration_us),
            self._camera(seed, session, duration_us),
        ]
        self.tracks = tuple(track for track in tracks if track.input in self._inputs)

    def labels(self, start_s: float, end_s: float) -> dict[str, str]:
        """``sentiment``, ``intent`` and ``speaker``, each where a sensor could tell."""
        truth = self._dialogue
        audible = (
            "audio" in self._inputs and truth.talk_s(CUSTOMER_NAME, start_s, end_s) >= AUDIBLE_S
        )
        answers = {
            "sentiment": truth.sentiment(start_s, end_s)
            if audible or "video" in self._inputs
            else None,
            "intent": truth.intent(start_s, end_s) if "transcript" in self._inputs else None,
            "speaker": truth.speaker(start_s, end_s) if "audio" in self._inputs else None,
        }
        return {task: label for task, label in answers.items() if label is not None}

    def _microphone(
        self, seed: int, session: str, sensor: str, owner: str, duration_us: int
    ) -> Track:
        phase_us = start_phase_us(seed, session, sensor, CHUNK_US)
        clock = Clockwork(CHUNK_US, phase_us, delay_us=15 * US_PER_MS, chunked=True)
        noise_offset = int(stable_rng(seed, session, sensor, "noise").integers(Noise.LENGTH))
        count = CHUNK_US * RATE_HZ // US_PER_S
        steps_s = np.arange(count) / RATE_HZ

        def render(index: int, rng: np.random.Generator) -> bytes:
            del rng  # the stored noise goes on from chunk to chunk
            begin_s = clock.slot(index).start_us / US_PER_S
            wave = self._noise.read(noise_offset + index * count, count) * self._noise_level
            self._add_speech(wave, begin_s + steps_s, owner)
            return to_pcm(wave)

        return Track("audio", sensor, PCM, clock.count(duration_us), clock.slot, render)

    def _add_speech(self, wave: Wave, times_s: npt.NDArray[np.float64], owner: str) -> None:
        for sentence in self._dialogue.between(float(times_s[0]), float(times_s[-1])):
            first, last = np.searchsorted(times_s, [sentence.start_s, sentence.end_s])
            if first == last:
                continue
            share = 1.0 if sentence.speaker == owner else CROSSTALK
            gain = np.float32(self._levels[sentence.speaker] * share)
            voice = self._voices[sentence.speaker]
            wave[first:last] += gain * voice.say(sentence.utterance, times_s[first:last])

    def _recogniser(self, seed: int, session: str, duration_us: int) -> Track:
        heard = [s for s in self._dialogue.sentences if s.end_s * US_PER_S <= duration_us]
        lags_us = stable_rng(seed, session, "asr", "lag").integers(250_000, 450_000, len(heard))

        def slot(index: int) -> Slot:
            start_us = round(heard[index].start_s * US_PER_S)
            end_us = round(heard[index].end_s * US_PER_S)
            return Slot(start_us, end_us, end_us + int(lags_us[index]))

        def render(index: int, rng: np.random.Generator) -> bytes:
            del rng  # the words were drawn with the dialogue
            return heard[index].segment()

        return Track("transcript", "asr", JSON, len(heard), slot, render)

    def _camera(self, seed: int, session: str, duration_us: int) -> Track:
        phase_us = start_phase_us(seed, session, "camera.customer", FRAME_US)
        clock = Clockwork(FRAME_US, phase_us, delay_us=60 * US_PER_MS)

        def render(index: int, rng: np.random.Generator) -> bytes:
            return draw_face(
                self._look, self._expression(clock.slot(index).start_us / US_PER_S), rng
            )

        return Track("video", "camera.customer", JPEG, clock.count(duration_us), clock.slot, render)

    def _expression(self, time_s: float) -> Expression:
        speaking = any(
            sentence.speaker == CUSTOMER_NAME for sentence in self._dialogue.between(time_s, time_s)
        )
        return Expression(
            mouth=self._mouth.at(time_s),
            frown=self._frown.at(time_s),
            open_mouth=abs(np.sin(14.0 * time_s)) if speaking else 0.0,
            closed_eyes=1.0 if (time_s + self._blink_phase_s) % self._blink_s < 0.2 else 0.0,
            shift_x=6.0 * np.sin(0.5 * time_s) + 2.0 * np.sin(1.7 * time_s),
            shift_y=3.0 * np.sin(0.8 * time_s + 1.0),
        )


def _eased(steps: list[tuple[float, float]]) -> Curve:
    points = [(steps[0][0], steps[0][1])]
    for start, value in steps[1:]:
        points += [(start - CHANGE_S / 2, points[-1][1]), (start + CHANGE_S / 2, value)]
    return Curve(points)
