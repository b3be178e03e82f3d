"""A drive's sensors and labels against the traffic they were made from."""

from __future__ import annotations

import json
from itertools import pairwise

import cv2
import numpy as np
import pytest

from schemas.units import US_PER_S
from streams.feed.item import FeedItem
from streams.scenes.catalog import make_scene
from streams.scenes.curves import Curve
from streams.scenes.rig import SimulatedScene
from streams.scenes.seeds import stable_rng
from streams.scenes.vehicle.camera import HEIGHT, WIDTH, box2d, project
from streams.scenes.vehicle.drive import plan_drive
from streams.scenes.vehicle.ranging import detections, radar_scan, sweep
from streams.scenes.vehicle.traffic import (
    CAR,
    PEDESTRIAN,
    POLE,
    Mover,
    Shape,
    Thing,
    Traffic,
    nearest,
)

START_US = 1_780_000_000_000_000
SECONDS = 6
WINDOW_US = 500_000


@pytest.fixture(scope="module")
def scene() -> SimulatedScene:
    return make_scene("vehicle", sessions=1, seconds=SECONDS, seed=31, start_us=START_US)


@pytest.fixture(scope="module")
def items(scene: SimulatedScene) -> list[FeedItem]:
    return list(scene.items())


def car(x: float, y: float = 0.0) -> Thing:
    return Thing(Shape(CAR, 1.8, 1.5, 4.4, 0.5), x, y, -3.0)


def person(x: float, y: float = 0.0) -> Thing:
    return Thing(Shape(PEDESTRIAN, 0.6, 1.75, 0.4, 0.5), x, y, 0.0)


def points_of(things: list[Thing]) -> np.ndarray:
    return np.frombuffer(sweep(things, stable_rng(1, "sweep")), "<f4").reshape(-1, 4)


def inside(points: np.ndarray, x: tuple[float, float], y: tuple[float, float]) -> np.ndarray:
    return points[
        (points[:, 0] > x[0])
        & (points[:, 0] < x[1])
        & (points[:, 1] > y[0])
        & (points[:, 1] < y[1])
        & (points[:, 2] > 0.3)
    ]


@pytest.mark.parametrize("sensor", ["camera.front", "lidar.top", "radar.front", "camera.smart"])
def test_a_road_sensor_gives_ten_samples_a_second(items: list[FeedItem], sensor: str) -> None:
    assert sum(item.sensor == sensor for item in items) == SECONDS * 10


def test_cabin_audio_chunks_follow_one_another_without_a_gap(items: list[FeedItem]) -> None:
    chunks = [item for item in items if item.sensor == "mic.cabin"]

    assert all(a.end_us == b.start_us for a, b in pairwise(chunks))
    assert {len(chunk.payload) for chunk in chunks} == {2 * 16_000 // 4}


def test_camera_frames_decode_to_their_size(items: list[FeedItem]) -> None:
    for item in [item for item in items if item.input == "camera"][::20]:
        picture = cv2.imdecode(np.frombuffer(item.payload, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape == (HEIGHT, WIDTH, 3)


def test_a_sweep_has_some_thousand_points_before_the_vehicle(items: list[FeedItem]) -> None:
    for item in [item for item in items if item.input == "lidar"][::20]:
        points = np.frombuffer(item.payload, "<f4").reshape(-1, 4)
        assert 1_500 <= len(points) <= 3_300
        assert np.isfinite(points).all()
        assert points[:, 0].min() > 0
        assert 0 <= points[:, 3].min() <= points[:, 3].max() <= 1


def test_the_lidar_sees_a_car_where_it_is() -> None:
    found = inside(points_of([car(15.0)]), (14.0, 20.0), (-1.5, 1.5))

    assert len(found) > 20
    assert np.median(found[:, 0]) == pytest.approx(15.0, abs=0.1)
    assert found[:, 1].min() == pytest.approx(-0.9, abs=0.25)
    assert found[:, 1].max() == pytest.approx(0.9, abs=0.25)


def test_left_is_positive_y_for_the_lidar_and_left_in_the_picture() -> None:
    left = car(15.0, y=3.5)
    box = box2d(left)

    assert len(inside(points_of([left]), (14.0, 20.0), (2.0, 5.0))) > 20
    assert box is not None
    assert box[2] < WIDTH / 2


def test_a_near_object_hides_what_is_behind_it_from_the_lidar() -> None:
    def legs(things: list[Thing]) -> int:
        points = inside(points_of(things), (29.5, 31.0), (-0.4, 0.4))
        return int((points[:, 2] < 1.0).sum())

    assert legs([person(30.0)]) > 0
    assert legs([person(30.0), car(8.0)]) == 0


def test_an_empty_road_gives_hardly_any_points_above_it() -> None:
    assert len(inside(points_of([]), (3.0, 40.0), (-1.5, 1.5))) < 5


def test_something_twice_as_far_looks_half_as_large() -> None:
    near, far = box2d(person(10.0)), box2d(person(20.0))

    assert near is not None
    assert far is not None
    assert near[3] - near[1] == pytest.approx(2 * (far[3] - far[1]))


def test_the_far_end_of_the_road_is_at_the_horizon() -> None:
    assert project(1e6, 0.0, 0.0) == pytest.approx((160.0, 84.0), abs=0.01)


def test_what_is_beside_or_behind_the_vehicle_is_in_no_picture() -> None:
    assert box2d(car(1.0)) is None
    assert box2d(car(10.0, y=30.0)) is None


def scans(things: list[Thing], count: int = 200) -> list[list[dict[str, object]]]:
    return [
        json.loads(radar_scan(things, stable_rng(index, "radar")))["objects"]
        for index in range(count)
    ]


def test_the_radar_finds_a_car_nearly_always_with_its_range_rate() -> None:
    hits = [
        echo
        for echoes in scans([car(20.0)])
        for echo in echoes
        if np.allclose(echo["position"], [20.0, 0.0], atol=0.5)
        and abs(echo["range_rate"] + 3) < 0.5
    ]

    assert len(hits) > 180


def test_the_radar_does_not_say_what_it_found() -> None:
    names = {echo["class"] for echoes in scans([car(20.0), person(15.0)]) for echo in echoes}

    assert names == {"unknown"}


def test_the_radar_has_clutter_where_there_is_nothing() -> None:
    counts = [len(echoes) for echoes in scans([])]

    assert np.mean(counts) == pytest.approx(1.5, abs=0.35)


def lists(things: list[Thing], count: int = 300) -> list[list[dict[str, object]]]:
    return [
        json.loads(detections(things, stable_rng(index, "smart")))["objects"]
        for index in range(count)
    ]


def test_the_smart_camera_misses_some_and_names_most_rightly() -> None:
    found = [one for objects in lists([car(20.0)]) for one in objects if one["score"] >= 0.6]

    assert 0.8 < len(found) / 300 < 0.95
    assert sum(one["class"] == CAR for one in found) / len(found) > 0.9


def test_the_smart_camera_at_times_finds_what_is_not_there() -> None:
    assert 5 < sum(len(objects) for objects in lists([])) < 50


def test_every_box_lies_in_the_picture() -> None:
    for objects in lists([car(4.0, y=1.5), person(3.0, y=-1.0)]):
        for one in objects:
            x1, y1, x2, y2 = one["box2d"]
            assert 0 <= x1 <= x2 <= WIDTH
            assert 0 <= y1 <= y2 <= HEIGHT


@pytest.mark.parametrize(
    ("things", "kind"),
    [
        ([], "clear"),
        ([car(20.0)], "vehicle"),
        ([person(20.0)], "pedestrian"),
        ([car(20.0), person(10.0)], "pedestrian"),
        ([car(10.0), person(20.0)], "vehicle"),
        ([car(20.0, y=3.5), person(10.0, y=6.4)], "clear"),
        ([car(60.0)], "clear"),
        ([car(40.0)], None),
        ([car(20.0, y=2.2)], None),
        ([car(20.0), person(10.0, y=1.5)], None),
        ([car(10.0), person(10.5)], None),
        ([car(10.0), person(20.0, y=1.5)], "vehicle"),
    ],
)
def test_what_is_ahead_is_the_nearest_in_the_corridor_unless_in_doubt(
    things: list[Thing], kind: str | None
) -> None:
    assert nearest(things)[0] == kind


def road(x: list[tuple[float, float]]) -> Traffic:
    mover = Mover(car(0.0).shape, Curve(x), Curve([(0.0, 0.0)]))
    return Traffic([mover], [], np.zeros(200))


@pytest.mark.parametrize(
    ("start_m", "end_m", "expected"),
    [
        (9.0, 8.0, ("vehicle", "near")),
        (30.0, 20.0, ("vehicle", "far")),
        (12.5, 11.5, ("vehicle", None)),
        (14.0, 10.0, ("vehicle", None)),
        (60.0, 55.0, ("clear", None)),
        (50.0, 30.0, (None, None)),
    ],
)
def test_proximity_has_a_dead_band_and_needs_an_obstacle(
    start_m: float, end_m: float, expected: tuple[str | None, str | None]
) -> None:
    assert road([(0.0, start_m), (1.0, end_m)]).ahead(0.0, 1.0) == expected


def test_road_users_move_without_jumps() -> None:
    traffic = plan_drive(60.0, stable_rng(3, "drive"))
    for mover in traffic.movers:
        times = np.arange(mover.x.start, mover.x.end, 0.1)
        steps = np.abs(np.diff([[mover.x.at(t), mover.y.at(t)] for t in times], axis=0))
        assert steps[:, 0].max() < 6.0
        assert steps[:, 1].max() < 0.6


def test_the_vehicle_never_drives_backwards() -> None:
    for seed in range(5):
        odometer_m = plan_drive(120.0, stable_rng(seed, "drive")).odometer_m
        assert np.diff(odometer_m).min() >= -1e-6


def test_poles_come_nearer_as_fast_as_the_vehicle_drives() -> None:
    traffic = plan_drive(60.0, stable_rng(3, "drive"))
    poles = [thing for thing in traffic.things(30.0) if thing.shape.kind == POLE]

    assert poles
    assert all(pole.closing == pytest.approx(-traffic.speed_m_s(30.0)) for pole in poles)


def test_things_come_farthest_first() -> None:
    distances = [thing.x for thing in plan_drive(60.0, stable_rng(3, "d")).things(30.0)]

    assert distances == sorted(distances, reverse=True)


def test_every_class_comes_about_in_a_few_drives() -> None:
    scene = make_scene("vehicle", sessions=4, seconds=60.0, seed=5, start_us=START_US)
    found = {
        (task, label)
        for session in scene.sessions
        for start_us in range(START_US, START_US + 60 * US_PER_S, WINDOW_US)
        for task, label in scene.labels(session, start_us, start_us + WINDOW_US).items()
    }

    assert len(found) == 3 + 2 + 3


def test_a_siren_and_speech_are_louder_than_the_quiet_cabin() -> None:
    scene = make_scene("vehicle", sessions=1, seconds=40.0, seed=5, start_us=START_US)
    (session,) = scene.sessions
    levels: dict[str, list[float]] = {"quiet": [], "speech": [], "siren": []}
    bare = make_scene(
        "vehicle",
        sessions=1,
        seconds=40.0,
        seed=5,
        start_us=START_US,
        without=("camera", "lidar", "radar", "objects"),
    )
    for item in bare.items():
        kind = scene.labels(session, item.start_us, item.end_us).get("cabin")
        if item.input == "cabin" and kind is not None:
            levels[kind].append(float(np.std(np.frombuffer(item.payload, "<i2"))))
    quiet, speech, siren = (np.median(levels[kind]) for kind in ("quiet", "speech", "siren"))

    assert speech > 2 * quiet
    assert siren > 2 * quiet


def test_speech_segments_begin_only_while_somebody_speaks() -> None:
    scene = make_scene("vehicle", sessions=1, seconds=120.0, seed=5, start_us=START_US)
    (session,) = scene.sessions
    segments = [item for item in scene.schedule() if item.input == "speech"]
    labels = [scene.labels(session, i.start_us, i.start_us + 1).get("cabin") for i in segments]

    assert segments
    assert set(labels) <= {"speech", None}
    assert labels.count("speech") > len(labels) / 2
