"""One drive and its sensors: camera, lidar, radar, smart camera, cabin microphone, speech."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from schemas.units import US_PER_MS, US_PER_S
from streams.scenes.rig import JPEG, JSON, PCM, POINTS, Clockwork, Slot, Track, start_phase_us
from streams.scenes.seeds import stable_rng
from streams.scenes.vehicle.cabin import KINDS, furnish_cabin
from streams.scenes.vehicle.camera import draw_road, make_scenery
from streams.scenes.vehicle.drive import plan_drive
from streams.scenes.vehicle.ranging import detections, radar_scan, sweep
from streams.scenes.vehicle.traffic import Thing
from streams.scenes.voice import RATE_HZ, to_pcm

INPUTS: Mapping[str, tuple[str, ...]] = {
    "camera": ("camera.front",),
    "lidar": ("lidar.top",),
    "radar": ("radar.front",),
    "objects": ("camera.smart",),
    "cabin": ("mic.cabin",),
    "speech": ("speech.cabin",),
}
TASKS: Mapping[str, tuple[str, ...]] = {
    "ahead": ("clear", "vehicle", "pedestrian"),
    "proximity": ("far", "near"),
    "cabin": KINDS,
}
FRAME_US = 100 * US_PER_MS
CHUNK_US = 250 * US_PER_MS
#: Inputs of which any one shows what is ahead; radar alone cannot tell a person from a car.
_SEES_AHEAD = frozenset({"camera", "lidar"})
#: From the end of a phrase to its text.
SPEECH_LAG_US = 200 * US_PER_MS

_See = Callable[[Sequence[Thing], np.random.Generator], bytes]


class VehicleWorld:
    """The truth of one drive, a function of (seed, session), and what its sensors give of it."""

    def __init__(
        self, session: str, *, seed: int, duration_us: int, inputs: Collection[str]
    ) -> None:
        self._seed, self._session, self._duration_us = seed, session, duration_us
        self._inputs = frozenset(inputs)
        duration_s = duration_us / US_PER_S
        self._traffic = plan_drive(duration_s, stable_rng(seed, session, "traffic"))
        self._cabin = furnish_cabin(duration_s, stable_rng(seed, session, "cabin"))
        self._scenery = make_scenery(stable_rng(seed, session, "scenery"))
        tracks = (
            self._camera(),
            self._road_sensor("lidar", POINTS, sweep, delay_ms=55),
            self._road_sensor("radar", JSON, radar_scan, delay_ms=25),
            self._road_sensor("objects", JSON, detections, delay_ms=80),
            self._microphone(),
            self._speech(),
        )
        self.tracks = tuple(track for track in tracks if track.input in self._inputs)

    def labels(self, start_s: float, end_s: float) -> dict[str, str]:
        """``ahead``, ``proximity`` and ``cabin``, each where it has one answer."""
        answers: dict[str, str | None] = {}
        if self._inputs & _SEES_AHEAD:
            answers["ahead"], answers["proximity"] = self._traffic.ahead(start_s, end_s)
        if "cabin" in self._inputs:
            answers["cabin"] = self._cabin.label(start_s, end_s)
        return {task: label for task, label in answers.items() if label is not None}

    def _clock(self, sensor: str, period_us: int, delay_ms: int, chunked: bool) -> Clockwork:
        phase_us = start_phase_us(self._seed, self._session, sensor, period_us)
        return Clockwork(period_us, phase_us, delay_ms * US_PER_MS, chunked)

    def _road_sensor(self, input_name: str, content_type: str, see: _See, delay_ms: int) -> Track:
        (sensor,) = INPUTS[input_name]
        clock = self._clock(sensor, FRAME_US, delay_ms, chunked=False)

        def render(index: int, rng: np.random.Generator) -> bytes:
            return see(self._traffic.things(clock.slot(index).start_us / US_PER_S), rng)

        count = clock.count(self._duration_us)
        return Track(input_name, sensor, content_type, count, clock.slot, render)

    def _camera(self) -> Track:
        (sensor,) = INPUTS["camera"]
        clock = self._clock(sensor, FRAME_US, delay_ms=35, chunked=False)

        def render(index: int, rng: np.random.Generator) -> bytes:
            time_s = clock.slot(index).start_us / US_PER_S
            driven_m = self._traffic.driven_m(time_s)
            return draw_road(self._scenery, self._traffic.things(time_s), driven_m, rng)

        return Track("camera", sensor, JPEG, clock.count(self._duration_us), clock.slot, render)

    def _microphone(self) -> Track:
        (sensor,) = INPUTS["cabin"]
        clock = self._clock(sensor, CHUNK_US, delay_ms=15, chunked=True)
        count = CHUNK_US * RATE_HZ // US_PER_S
        steps_s = np.arange(count) / RATE_HZ

        def render(index: int, rng: np.random.Generator) -> bytes:
            del rng  # the stored noise goes on from chunk to chunk
            begin_s = clock.slot(index).start_us / US_PER_S
            speed_m_s = self._traffic.speed_m_s(begin_s)
            return to_pcm(self._cabin.sound(index * count, begin_s + steps_s, speed_m_s))

        return Track("cabin", sensor, PCM, clock.count(self._duration_us), clock.slot, render)

    def _speech(self) -> Track:
        heard = [
            sentence
            for sentence in self._cabin.sentences
            if sentence.start_s >= 0 and sentence.end_s * US_PER_S <= self._duration_us
        ]

        def slot(index: int) -> Slot:
            start_us = round(heard[index].start_s * US_PER_S)
            end_us = round(heard[index].end_s * US_PER_S)
            return Slot(start_us, end_us, end_us + SPEECH_LAG_US)

        def render(index: int, rng: np.random.Generator) -> bytes:
            del rng  # the words were drawn with the cabin
            return heard[index].segment()

        (sensor,) = INPUTS["speech"]
        return Track("speech", sensor, JSON, len(heard), slot, render)
