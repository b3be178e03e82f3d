"""One patient and what is recorded of them: pictures, vital signs, notes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping

import numpy as np

from schemas.units import US_PER_MS, US_PER_S
from streams.scenes.diagnosis.chest import draw_chest, make_thorax
from streams.scenes.diagnosis.course import CONDITIONS, plan_course
from streams.scenes.diagnosis.notes import write_note
from streams.scenes.diagnosis.vitals import make_body, read_monitor
from streams.scenes.rig import JPEG, JSON, PLAIN_TEXT, Clockwork, Slot, Track, start_phase_us
from streams.scenes.seeds import stable_rng

INPUTS: Mapping[str, tuple[str, ...]] = {
    "imaging": ("imaging",),
    "vitals": ("monitor",),
    "notes": ("notes",),
}
TASKS: Mapping[str, tuple[str, ...]] = {
    "condition": CONDITIONS,
    "finding": ("normal", "opacity"),
}
READING_US = 10 * US_PER_S
#: Between two pictures, and between two notes, seconds.
PICTURE_GAP_S = (50.0, 70.0)
NOTE_GAP_S = (90.0, 300.0)

_Render = Callable[[int, np.random.Generator], bytes]


class PatientWorld:
    """The truth of one encounter, a function of (seed, session), and what is recorded of it."""

    def __init__(
        self, session: str, *, seed: int, duration_us: int, inputs: Collection[str]
    ) -> None:
        rng = stable_rng(seed, session, "world")
        self._inputs = frozenset(inputs)
        self._course = plan_course(duration_us / US_PER_S, rng)
        self._body = make_body(rng)
        self._thorax = make_thorax(rng)
        self._pictures_us = _moments(duration_us, PICTURE_GAP_S, rng)
        self._notes_us = _moments(duration_us, NOTE_GAP_S, rng)
        phase_us = start_phase_us(seed, session, "monitor", READING_US)
        self._readings = Clockwork(READING_US, phase_us, delay_us=400 * US_PER_MS)
        tracks = (
            self._imaging(),
            self._monitor(duration_us),
            self._notes(),
        )
        self.tracks = tuple(track for track in tracks if track.input in self._inputs)

    def labels(self, start_s: float, end_s: float) -> dict[str, str]:
        """``condition``, and ``finding`` where pictures were taken and all show the same."""
        labels = {}
        if self._tells_condition(start_s, end_s):
            condition = self._course.condition(start_s, end_s)
            if condition is not None:
                labels["condition"] = condition
        shown = {
            self._course.finding(moment_us / US_PER_S)
            for moment_us in _within(self._pictures_us, start_s, end_s)
        }
        if "imaging" in self._inputs and len(shown) == 1 and (finding := shown.pop()) is not None:
            labels["finding"] = finding
        return labels

    def _tells_condition(self, start_s: float, end_s: float) -> bool:
        # A sample before the window's end that is not before its start.
        first = -(-(round(start_s * US_PER_S) - self._readings.phase_us) // READING_US)
        read = self._readings.slot(max(0, first)).start_us < end_s * US_PER_S
        noted = bool(_within(self._notes_us, start_s, end_s))
        return ("vitals" in self._inputs and read) or ("notes" in self._inputs and noted)

    def _imaging(self) -> Track:
        def render(index: int, rng: np.random.Generator) -> bytes:
            time_s = self._pictures_us[index] / US_PER_S
            strength = self._course.opacity.at(time_s)
            return draw_chest(self._thorax, self._course.place.at(time_s), strength, rng)

        return _at_moments("imaging", JPEG, self._pictures_us, 2 * US_PER_S, render)

    def _monitor(self, duration_us: int) -> Track:
        clock = self._readings

        def render(index: int, rng: np.random.Generator) -> bytes:
            time_s = clock.slot(index).start_us / US_PER_S
            return read_monitor(self._body, self._course.severity.at(time_s), time_s, rng)

        return Track("vitals", "monitor", JSON, clock.count(duration_us), clock.slot, render)

    def _notes(self) -> Track:
        def render(index: int, rng: np.random.Generator) -> bytes:
            return write_note(self._course.severity.at(self._notes_us[index] / US_PER_S), rng)

        return _at_moments("notes", PLAIN_TEXT, self._notes_us, 5 * US_PER_S, render)


def _at_moments(
    input_name: str, content_type: str, moments_us: list[int], delay_us: int, render: _Render
) -> Track:
    def slot(index: int) -> Slot:
        return Slot(moments_us[index], moments_us[index], moments_us[index] + delay_us)

    (sensor,) = INPUTS[input_name]
    return Track(input_name, sensor, content_type, len(moments_us), slot, render)


def _moments(duration_us: int, gap_s: tuple[float, float], rng: np.random.Generator) -> list[int]:
    moments: list[int] = []
    now_s = float(rng.uniform(0.0, gap_s[0]))
    while now_s * US_PER_S < duration_us:
        moments.append(round(now_s * US_PER_S))
        now_s += float(rng.uniform(*gap_s))
    return moments


def _within(moments_us: list[int], start_s: float, end_s: float) -> list[int]:
    first = bisect_left(moments_us, round(start_s * US_PER_S))
    return moments_us[first : bisect_left(moments_us, round(end_s * US_PER_S))]
