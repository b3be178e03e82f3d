"""A patient's record and labels against the course they were made from. Simulated patients."""

from __future__ import annotations

import json
import re

import cv2
import numpy as np
import pytest

from schemas.units import US_PER_S
from streams.feed.item import FeedItem
from streams.scenes.catalog import make_scene
from streams.scenes.curves import Curve, Steps
from streams.scenes.diagnosis.chest import draw_chest, make_thorax
from streams.scenes.diagnosis.course import CONDITIONS, Course, grade, plan_course
from streams.scenes.diagnosis.notes import write_note
from streams.scenes.diagnosis.vitals import MISSING, make_body, read_monitor
from streams.scenes.rig import SimulatedScene
from streams.scenes.seeds import stable_rng

START_US = 1_780_000_020_000_000
SECONDS = 3_600
WINDOW_US = 60 * US_PER_S
SIGNS = ["abp_dia", "abp_mean", "abp_sys", "hr", "resp", "spo2", "temp"]


@pytest.fixture(scope="module")
def scene() -> SimulatedScene:
    return make_scene("diagnosis", sessions=2, seconds=SECONDS, seed=41, start_us=START_US)


@pytest.fixture(scope="module")
def items(scene: SimulatedScene) -> list[FeedItem]:
    return list(scene.items())


def course(severity: list[tuple[float, float]], opacity: list[tuple[float, float]]) -> Course:
    return Course(Curve(severity), Curve(opacity), Steps([(0.0, 0)]))


def test_the_monitor_reads_every_ten_seconds(items: list[FeedItem]) -> None:
    readings = [i for i in items if i.sensor == "monitor" and i.session == "patient-0001"]

    assert np.unique(np.diff([i.start_us for i in readings])).tolist() == [10 * US_PER_S]
    assert len(readings) == SECONDS // 10


def test_a_picture_comes_about_every_minute(items: list[FeedItem]) -> None:
    taken = [i.start_us for i in items if i.sensor == "imaging" and i.session == "patient-0001"]
    gaps_s = np.diff(taken) / US_PER_S

    assert gaps_s.min() >= 50
    assert gaps_s.max() <= 70
    assert gaps_s.mean() == pytest.approx(60, abs=3)


def test_a_picture_decodes_to_grey_of_its_size(items: list[FeedItem]) -> None:
    for item in [item for item in items if item.sensor == "imaging"][::10]:
        grey = cv2.imdecode(np.frombuffer(item.payload, np.uint8), cv2.IMREAD_UNCHANGED)
        assert grey is not None
        assert grey.shape == (128, 128)


def test_a_reading_has_every_sign_as_a_number_or_null(items: list[FeedItem]) -> None:
    for item in items:
        if item.sensor == "monitor":
            reading = json.loads(item.payload)
            assert sorted(reading) == SIGNS
            assert all(value is None or 0 < value < 250 for value in reading.values())


def test_about_the_stated_share_of_readings_is_missing() -> None:
    body = make_body(stable_rng(1, "body"))
    rng = stable_rng(2, "readings")
    rates = [json.loads(read_monitor(body, 0.2, 0.0, rng))["hr"] for _ in range(2_000)]

    assert rates.count(None) / 2_000 == pytest.approx(MISSING, abs=0.015)


def test_the_mean_pressure_lies_between_the_other_two() -> None:
    body = make_body(stable_rng(1, "body"))
    rng = stable_rng(2, "readings")
    for severity in (0.0, 0.5, 1.0):
        for _ in range(200):
            reading = json.loads(read_monitor(body, severity, 0.0, rng))
            if reading["abp_mean"] is not None:
                assert reading["abp_dia"] < reading["abp_mean"] < reading["abp_sys"]


def means(severity: float) -> dict[str, float]:
    body = make_body(stable_rng(1, "body"))
    rng = stable_rng(2, "readings")
    readings = [json.loads(read_monitor(body, severity, 10.0 * i, rng)) for i in range(100)]
    return {
        sign: float(np.mean([one[sign] for one in readings if one[sign] is not None]))
        for sign in SIGNS
    }


def test_the_worse_a_patient_is_the_further_the_signs_go() -> None:
    well, ill, worst = (means(severity) for severity in (0.0, 0.5, 1.0))

    for sign in ("hr", "resp", "temp"):
        assert well[sign] < ill[sign] < worst[sign]
    for sign in ("spo2", "abp_sys", "abp_dia", "abp_mean"):
        assert well[sign] > ill[sign] > worst[sign]


@pytest.mark.parametrize(
    ("severity", "condition"),
    [
        (0.0, "stable"),
        (0.19, "stable"),
        (0.3, None),
        (0.4, "deteriorating"),
        (0.62, "deteriorating"),
        (0.7, None),
        (0.81, "critical"),
    ],
)
def test_severity_between_two_bands_has_no_condition(
    severity: float, condition: str | None
) -> None:
    assert grade(severity) == condition


def test_a_window_in_which_the_condition_changes_is_unlabelled() -> None:
    truth = course([(0.0, 0.1), (100.0, 0.1), (110.0, 0.5), (200.0, 0.5)], [(0.0, 0.0)])

    assert [truth.condition(t, t + 60.0) for t in (0.0, 60.0, 120.0)] == [
        "stable",
        None,
        "deteriorating",
    ]


def test_a_faint_opacity_is_no_finding_either_way() -> None:
    truth = course([(0.0, 0.0)], [(0.0, 0.0), (10.0, 0.0), (20.0, 0.9), (30.0, 0.9)])

    assert [truth.finding(t) for t in (5.0, 15.0, 25.0)] == ["normal", None, "opacity"]


def test_severity_has_no_jumps() -> None:
    severity = plan_course(7_200.0, stable_rng(1, "course")).severity
    levels = [severity.at(float(t)) for t in range(0, 7_200, 5)]

    assert np.abs(np.diff(levels)).max() < 0.05


def test_a_finding_is_labelled_only_in_windows_with_a_picture(
    scene: SimulatedScene, items: list[FeedItem]
) -> None:
    pictured = {
        (item.session, item.start_us // WINDOW_US * WINDOW_US)
        for item in items
        if item.sensor == "imaging"
    }
    labelled = {
        (session, start_us)
        for session in scene.sessions
        for start_us in range(START_US, START_US + SECONDS * US_PER_S, WINDOW_US)
        if "finding" in scene.labels(session, start_us, start_us + WINDOW_US)
    }

    assert START_US % WINDOW_US == 0
    assert labelled
    assert labelled <= pictured
    assert len(labelled) < 2 * SECONDS // 60


def test_a_window_of_a_patient_without_images_has_no_finding() -> None:
    blind = make_scene(
        "diagnosis", sessions=1, seconds=600, seed=41, start_us=START_US, without=("imaging",)
    )
    spans = range(START_US, START_US + 600 * US_PER_S, WINDOW_US)

    assert not any("finding" in blind.labels("patient-0001", t, t + WINDOW_US) for t in spans)


def test_an_opacity_brightens_its_lobe_and_little_else() -> None:
    thorax = make_thorax(stable_rng(1, "thorax"))
    clear, opaque = (
        cv2.imdecode(
            np.frombuffer(draw_chest(thorax, 0, strength, stable_rng(2, "shot")), np.uint8),
            cv2.IMREAD_GRAYSCALE,
        ).astype(float)
        for strength in (0.0, 1.0)
    )
    gain = opaque - clear

    assert gain[thorax.opacities[0] > 0.6].mean() > 45
    assert abs(gain[thorax.opacities[0] < 0.01].mean()) < 4


def test_opacities_lie_in_the_lungs() -> None:
    thorax = make_thorax(stable_rng(3, "thorax"))

    for opacity in thorax.opacities:
        rows, columns = np.nonzero(opacity > 0.5)
        assert 20 < rows.mean() < 108
        assert abs(columns.mean() - 64) > 12


def test_no_note_names_a_label() -> None:
    rng = stable_rng(4, "notes")
    labels = {*CONDITIONS, "normal", "opacity"}
    for severity in (0.1, 0.5, 0.9):
        for _ in range(300):
            assert not labels & set(re.findall(r"\w+", write_note(severity, rng).decode().lower()))


def test_notes_of_different_conditions_are_never_the_same() -> None:
    rng = stable_rng(5, "notes")
    well, ill, worst = (
        {write_note(severity, rng) for _ in range(300)} for severity in (0.1, 0.5, 0.9)
    )

    assert not (well & ill) | (ill & worst) | (well & worst)
    assert min(len(well), len(ill), len(worst)) > 60


def test_every_class_comes_about_in_a_few_patients() -> None:
    scene = make_scene("diagnosis", sessions=6, seconds=SECONDS, seed=7, start_us=START_US)
    found = {
        (task, label)
        for session in scene.sessions
        for start_us in range(START_US, START_US + SECONDS * US_PER_S, WINDOW_US)
        for task, label in scene.labels(session, start_us, start_us + WINDOW_US).items()
    }

    assert len(found) == 3 + 2
