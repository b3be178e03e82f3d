"""What every scene's stream promises, whichever pipeline it feeds."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from itertools import islice, pairwise
from pathlib import Path

import pytest

from streams.errors import FeedError
from streams.feed.item import FeedItem
from streams.scenes.catalog import SCENES, make_scene
from streams.scenes.rig import SimulatedScene

START_US = 1_780_000_000_123_000
SECONDS = {"call": 12.0, "vehicle": 3.0, "diagnosis": 600.0}
ROOT = Path(__file__).resolve().parents[2]

each_pipeline = pytest.mark.parametrize("pipeline", list(SCENES))


def small_scene(pipeline: str, *, seed: int = 4, without: tuple[str, ...] = ()) -> SimulatedScene:
    return make_scene(
        pipeline,
        sessions=2,
        seconds=SECONDS[pipeline],
        seed=seed,
        start_us=START_US,
        without=without,
    )


def by_sensor(items: list[FeedItem]) -> dict[tuple[str, str], list[FeedItem]]:
    grouped = defaultdict(list)
    for item in items:
        grouped[item.session, item.sensor].append(item)
    return grouped


def digest(pipeline: str) -> str:
    whole = hashlib.sha256()
    for item in small_scene(pipeline).items():
        whole.update(repr(item).encode())
    return whole.hexdigest()


@each_pipeline
def test_the_same_seed_gives_the_same_samples_at_each_call(pipeline: str) -> None:
    scene = small_scene(pipeline)

    assert list(scene.items()) == list(scene.items())


@each_pipeline
def test_another_process_with_another_string_hash_renders_the_same_bytes(pipeline: str) -> None:
    code = f"from tests.scenes.test_scene_stream import digest; print(digest({pipeline!r}))"
    other = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "77"},
    )

    assert other.stdout.strip() == digest(pipeline)


def rendered(items: Iterable[FeedItem]) -> set[bytes]:
    """Payloads too long to come about twice, as a short note may."""
    return {item.payload for item in items if len(item.payload) > 500}


@each_pipeline
def test_another_seed_gives_other_payloads(pipeline: str) -> None:
    first = rendered(small_scene(pipeline, seed=4).items())
    second = rendered(small_scene(pipeline, seed=5).items())

    assert first
    assert second
    assert not first & second


@each_pipeline
def test_two_sessions_of_a_scene_have_different_worlds(pipeline: str) -> None:
    scene = small_scene(pipeline)
    first, second = (
        rendered(item for item in scene.items() if item.session == session)
        for session in scene.sessions
    )

    assert first
    assert second
    assert not first & second


@each_pipeline
def test_a_session_is_the_same_however_many_others_there_are(pipeline: str) -> None:
    seconds = SECONDS[pipeline]
    alone = make_scene(pipeline, sessions=1, seconds=seconds, seed=4, start_us=START_US)
    name = alone.sessions[0]

    assert list(alone.items()) == [i for i in small_scene(pipeline).items() if i.session == name]


@each_pipeline
def test_items_come_in_the_order_they_are_due(pipeline: str) -> None:
    dues = [item.due_us for item in small_scene(pipeline).items()]

    assert dues == sorted(dues)


@each_pipeline
def test_an_undegraded_sensor_hands_over_in_event_time_order(pipeline: str) -> None:
    for items in by_sensor(list(small_scene(pipeline).items())).values():
        assert all(a.start_us < b.start_us for a, b in pairwise(items))


@each_pipeline
def test_no_sample_is_handed_over_before_it_is_sensed(pipeline: str) -> None:
    for item in small_scene(pipeline).items():
        assert START_US <= item.start_us <= item.end_us < item.due_us


@each_pipeline
def test_sequences_count_up_from_zero_per_sensor(pipeline: str) -> None:
    for items in by_sensor(list(small_scene(pipeline).items())).values():
        assert [item.sequence for item in items] == list(range(len(items)))


@each_pipeline
def test_every_input_of_every_session_gives_samples(pipeline: str) -> None:
    scene = make_scene(
        pipeline, sessions=2, seconds=3 * SECONDS[pipeline], seed=4, start_us=START_US
    )
    given = {(item.session, item.input, item.sensor) for item in scene.schedule()}

    assert given == {
        (session, name, sensor)
        for session in scene.sessions
        for name, sensors in SCENES[pipeline].inputs.items()
        for sensor in sensors
    }


@each_pipeline
def test_regular_sensors_do_not_tick_together(pipeline: str) -> None:
    scene = small_scene(pipeline)
    firsts: dict[tuple[str, str], int] = {}
    for item in scene.schedule():
        firsts.setdefault((item.session, item.sensor), item.start_us)

    assert len(set(firsts.values())) == len(firsts)


@each_pipeline
def test_the_schedule_is_the_items_without_their_payloads(pipeline: str) -> None:
    scene = small_scene(pipeline)

    def bare(item: FeedItem) -> tuple[object, ...]:
        return item.session, item.sensor, item.sequence, item.start_us, item.end_us, item.due_us

    assert [bare(i) for i in scene.schedule()] == [bare(i) for i in scene.items()]


@each_pipeline
def test_nothing_is_rendered_before_it_is_asked_for(pipeline: str) -> None:
    endless = make_scene(pipeline, sessions=2, seconds=7200.0, seed=4, start_us=START_US)

    assert len(list(islice(endless.items(), 5))) == 5


@each_pipeline
def test_an_input_left_out_gives_no_samples_and_changes_no_other(pipeline: str) -> None:
    left_out = next(iter(SCENES[pipeline].inputs))
    rest = [item for item in small_scene(pipeline).items() if item.input != left_out]

    assert list(small_scene(pipeline, without=(left_out,)).items()) == rest


@each_pipeline
def test_a_span_outside_the_recording_has_no_labels(pipeline: str) -> None:
    scene = small_scene(pipeline)
    end_us = START_US + round(SECONDS[pipeline] * 1e6)

    assert scene.labels(scene.sessions[0], START_US - 1, START_US + 1_000) == {}
    assert scene.labels(scene.sessions[0], end_us - 1_000, end_us + 1) == {}


@each_pipeline
def test_labels_are_of_the_tasks_and_classes_that_the_catalog_lists(pipeline: str) -> None:
    scene = make_scene(pipeline, sessions=3, seconds=600.0, seed=9, start_us=START_US)
    tasks = SCENES[pipeline].tasks
    found = defaultdict(set)
    for session in scene.sessions:
        for step in range(300):
            start_us = START_US + step * 2_000_000
            for task, label in scene.labels(session, start_us, start_us + 500_000).items():
                found[task].add(label)

    assert all(found[task] <= set(tasks[task]) for task in found)
    assert set(found) <= set(tasks)


@each_pipeline
def test_names_and_content_types_are_the_same_whatever_is_true(pipeline: str) -> None:
    def told(seed: int) -> set[tuple[str, ...]]:
        scene = make_scene(pipeline, sessions=2, seconds=400.0, seed=seed, start_us=START_US)
        return {(i.session, i.input, i.sensor, i.content_type) for i in scene.schedule()}

    assert told(seed=1) == told(seed=2)


def test_an_unknown_scene_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(FeedError, match=r"'boat': expected one of call, vehicle, diagnosis"):
        make_scene("boat", sessions=1, seconds=1.0, seed=0, start_us=0)


@pytest.mark.parametrize(
    "numbers", [{"sessions": 0}, {"seconds": 0.0}, {"seed": -1}, {"start_us": -1}]
)
def test_a_number_out_of_range_is_refused_with_what_came(numbers: dict[str, float]) -> None:
    (name, value) = next(iter(numbers.items()))
    arguments = {"sessions": 1, "seconds": 1.0, "seed": 0, "start_us": 0} | numbers

    with pytest.raises(FeedError, match=f"{name}={value}"):
        make_scene("call", **arguments)  # type: ignore[arg-type]


def test_an_unknown_input_cannot_be_left_out() -> None:
    with pytest.raises(FeedError, match=r"expected any of audio, transcript, video, got"):
        small_scene("call", without=("lidar",))


def test_labels_of_an_unknown_session_are_refused() -> None:
    with pytest.raises(FeedError, match=r"'call-0009': expected one of this scene's 2 sessions"):
        small_scene("call").labels("call-0009", START_US, START_US + 1)
