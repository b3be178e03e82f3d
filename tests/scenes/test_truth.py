"""The count that a demo is held against."""

from __future__ import annotations

from schemas.pipeline_file import load_pipeline
from streams.feed.item import FeedItem
from streams.scenes.catalog import make_scene
from streams.scenes.degrade import Degradation
from streams.scenes.rig import SimulatedScene
from streams.scenes.truth import expected_windows, scene_truth

START_US = 1_780_000_000_000_000
PIPELINE = load_pipeline("call")
SIZE_US = PIPELINE.window.size_us


def call(*specs: str) -> SimulatedScene:
    return make_scene(
        "call",
        sessions=2,
        seconds=20.0,
        seed=8,
        start_us=START_US,
        degrade=Degradation.parse(specs),
    )


def moment_us(item: FeedItem) -> int:
    """A segment of the recogniser takes place when it ends, anything else when it begins."""
    return item.end_us if item.input == "transcript" else item.start_us


def test_expected_windows_are_those_in_which_a_sent_sample_lies() -> None:
    scene = call("loss=0.3")
    held = {(i.session, moment_us(i) // SIZE_US * SIZE_US) for i in scene.items()}

    assert expected_windows(scene, PIPELINE) == held


def test_a_whole_recording_has_a_window_for_every_step_of_every_session() -> None:
    assert expected_windows(call(), PIPELINE) == {
        (session, START_US + step * SIZE_US)
        for session in ("call-0001", "call-0002")
        for step in range(10)
    }


def test_a_session_whose_sensors_die_has_no_windows_afterwards() -> None:
    windows = expected_windows(call("dies_after_s=6"), PIPELINE)

    assert max(start_us for _, start_us in windows) == START_US + 4_000_000


def test_windows_follow_the_sensor_clock() -> None:
    windows = expected_windows(call("clock_offset_ms=60000"), PIPELINE)

    assert min(start_us for _, start_us in windows) == START_US + 60_000_000


def test_sent_and_lost_samples_add_up_to_the_sensed_ones() -> None:
    scene = call("loss=0.3", "mic.agent:dies_after_s=5")
    truth = scene_truth(scene, PIPELINE)

    for (session, sensor), sensed in scene.sample_counts().items():
        lost = sum(key[:2] == (session, sensor) for key in truth.lost)
        assert truth.sent.get((session, sensor), 0) + lost == sensed


def test_lost_samples_are_those_that_do_not_come() -> None:
    scene = call("loss=0.3")
    came = {(item.session, item.sensor, item.sequence) for item in scene.items()}

    assert not scene_truth(scene, PIPELINE).lost & came


def test_nothing_is_lost_without_degradation() -> None:
    assert scene_truth(call(), PIPELINE).lost == frozenset()
