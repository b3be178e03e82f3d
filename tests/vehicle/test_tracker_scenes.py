"""What the tracker makes of scenes whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.vehicle.scenes import FRAME_US, Scene, drive, image_of
from workers.vehicle.tracking import (
    BoxList,
    EgoMotion,
    ImageList,
    Observation,
    Parameters,
    RadarList,
    SensorList,
    Status,
    Tracker,
    tracker,
)

TRACKER = Tracker(Parameters())


def _lidar_drive(scene: Scene, frames: int) -> list[Observation]:
    return [Observation(at * FRAME_US, [scene.lidar(at)]) for at in range(frames)]


def test_places_and_velocities_settle_on_the_truth() -> None:
    scene = Scene(3)
    _, told = drive(TRACKER, [scene.observation(at) for at in range(30)])
    found = told[-1]
    truth = scene.boxes(29)
    assert len(found) == len(truth)
    order = found.position[:, 1].argsort()
    assert np.abs(found.position[order, :2] - truth[:, :2]).max() < 0.3
    assert np.abs(found.velocity[order, :2] - scene.velocity[:, :2]).max() < 0.6


def test_an_object_keeps_its_number() -> None:
    scene = Scene(4)
    _, told = drive(TRACKER, [scene.observation(at) for at in range(30)])
    assert all(objects.number.tolist() == [1, 2, 3, 4] for objects in told)


def test_what_only_the_camera_sees_has_a_box_and_no_place() -> None:
    scene = Scene(5)
    _, told = drive(TRACKER, [Observation(0, [scene.camera(0)])])
    assert not told[0].placed.any()
    assert np.isnan(told[0].position).all()
    assert np.abs(told[0].image_box - image_of(scene.boxes(0))[told[0].number - 1]).max() < 1e3


def test_a_track_of_the_camera_gets_its_place_from_the_lidar_under_the_same_number() -> None:
    scene = Scene(5)
    seen = [Observation(at * FRAME_US, [scene.camera(at)]) for at in range(3)]
    _, told = drive(TRACKER, [*seen, scene.observation(3)])
    assert told[-1].number.tolist() == told[0].number.tolist()
    assert told[-1].placed.all()


def test_all_sensors_that_saw_an_object_support_it() -> None:
    scene = Scene(6)
    _, told = drive(TRACKER, [scene.observation(at) for at in range(3)])
    assert told[-1].sensors == ("lidar", "camera", "radar")
    assert told[-1].support.all()


def test_a_sensor_that_looked_and_saw_nothing_lowers_existence() -> None:
    scene = Scene(7)
    seen = _lidar_drive(scene, 5)
    nothing = ImageList("camera", 0, np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))
    _, with_camera = drive(TRACKER, [*seen, Observation(5 * FRAME_US, [nothing])])
    _, without = drive(TRACKER, [*seen, Observation(5 * FRAME_US)])
    assert (with_camera[-1].existence < without[-1].existence).all()


def test_boxes_in_space_alone_take_nothing_from_what_a_camera_alone_sees() -> None:
    scene = Scene(5)
    seen = [Observation(at * FRAME_US, [scene.camera(at)]) for at in range(5)]
    unlike = scene.lidar(5, image=False)
    _, beside = drive(TRACKER, [*seen, Observation(5 * FRAME_US, [unlike])])
    _, silent = drive(TRACKER, [*seen, Observation(5 * FRAME_US)])
    seen_before = np.isin(beside[-1].number, silent[-1].number)
    assert (beside[-1].existence[seen_before] == silent[-1].existence).all()


def test_an_empty_lidar_list_lowers_what_the_camera_that_it_names_alone_sees() -> None:
    scene = Scene(5)
    seen = [Observation(at * FRAME_US, [scene.camera(at)]) for at in range(5)]
    none = np.zeros((0, 4))
    lists = [
        BoxList("lidar", 5 * FRAME_US, np.zeros((0, 7)), none[:, 0], none[:, 0], none, camera)
        for camera in ("camera", None)
    ]
    named, unnamed = (
        drive(TRACKER, [*seen, Observation(5 * FRAME_US, [each])])[1][-1].existence
        for each in lists
    )
    assert (named < unnamed).all()


def test_silent_sensors_cost_a_track_no_more_than_the_time_that_passes() -> None:
    scene = Scene(7)
    values = Parameters().values[0]
    _, told = drive(TRACKER, [*_lidar_drive(scene, 5), Observation(5 * FRAME_US)])
    left = np.exp(-FRAME_US / 1e6 / values.turnover_s)
    assert told[-1].existence == pytest.approx(told[-2].existence * left, rel=1e-5)
    assert (told[-1].status == Status.COASTED).all()


def test_what_is_never_seen_again_is_closed_once() -> None:
    scene = Scene(8, count=1)
    gone = [Observation(at * FRAME_US, [_empty(at)]) for at in range(5, 40)]
    state, told = drive(TRACKER, [*_lidar_drive(scene, 5), *gone])
    closed = [int((objects.status == Status.CLOSED).sum()) for objects in told]
    assert sum(closed) == 1
    assert len(state.tracks) == 0


def test_a_number_is_never_given_twice() -> None:
    first, second = Scene(8, count=2), Scene(9, count=2)
    gone = [Observation(at * FRAME_US, [_empty(at)]) for at in range(3, 40)]
    later = [Observation(at * FRAME_US, [second.lidar(at)]) for at in range(40, 43)]
    _, told = drive(TRACKER, [*_lidar_drive(first, 3), *gone, *later])
    assert told[-1].number.tolist() == [3, 4]


def test_a_late_list_is_compared_with_where_the_track_was() -> None:
    fast = Scene(1, count=1)
    fast.velocity[:] = [20.0, 0, 0]
    seen = _lidar_drive(fast, 10)
    late = fast.lidar(8)
    on_time = drive(TRACKER, seen)[1][-1].position[0, 0]
    after = drive(TRACKER, [*seen, Observation(9 * FRAME_US, [late])])[1][-1]
    assert after.number.tolist() == [1]
    assert after.position[0, 0] == pytest.approx(on_time, abs=0.2)


def test_a_session_has_at_most_so_many_tracks() -> None:
    few = Tracker(Parameters(max_tracks=3))
    state, told = drive(few, [Scene(2, count=6).observation(0)])
    assert len(state.tracks) == 3
    assert len(told[0]) == 3


def test_that_a_session_has_more_objects_than_are_tracked_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tracker._warn_of_tracks.cache_clear()
    for _ in range(2):
        drive(Tracker(Parameters(max_tracks=3)), [Scene(2, count=6).observation(0)])
    (line,) = [each.getMessage() for each in caplog.records]
    assert line.startswith("a session has more than 3 objects: the least sure are not tracked")


def test_a_pedestrian_is_no_car() -> None:
    scene = Scene(2, count=1)
    seen = scene.lidar(4)
    walker = BoxList(seen.sensor, seen.time_us, seen.boxes, seen.scores, np.array([1]))
    _, told = drive(TRACKER, [*_lidar_drive(scene, 5), Observation(4 * FRAME_US, [walker])])
    assert told[-1].classes.argmax(axis=1).tolist() == [0, 1]


def test_rows_that_are_not_finite_are_left_out() -> None:
    scene = Scene(2, count=2)
    seen = scene.lidar(0)
    seen.boxes[0, 0] = np.nan
    _, told = drive(TRACKER, [Observation(0, [seen])])
    assert len(told[0]) == 1


def test_a_standing_object_has_no_speed_over_ground_by_radar_alone() -> None:
    speed, found = 15.0, []
    for at in range(20):
        x, y = 80.0 - speed * at * FRAME_US / 1e6, 3.0
        reach = np.hypot(x, y)
        radar = RadarList(
            "radar",
            at * FRAME_US,
            np.array([reach]),
            np.array([np.arctan2(y, x)]),
            np.array([-speed * x / reach]),
            np.array([0.9]),
        )
        found.append(Observation(at * FRAME_US, [radar], EgoMotion(speed, 0.0)))
    _, told = drive(TRACKER, found)
    assert told[-1].number.tolist() == [1]
    assert told[-1].over_ground
    assert np.abs(told[-1].velocity[0, :2]).max() < 0.3


def test_a_standing_object_stands_while_the_car_turns() -> None:
    speed, turn, found = 8.0, 0.4, []
    place, heading = np.zeros(2), 0.0
    post = np.array([30.0, 10.0])
    for at in range(25):
        cos, sin = np.cos(heading), np.sin(heading)
        x, y = np.array([[cos, sin], [-sin, cos]]) @ (post - place)
        box = np.array([[x, y, 0.0, 4.0, 1.8, 1.5, -heading]])
        seen = BoxList("lidar", at * FRAME_US, box, np.array([0.99]), np.array([0]))
        found.append(Observation(at * FRAME_US, [seen], EgoMotion(speed, turn)))
        chord = speed * 0.1 * np.sinc(turn * 0.1 / (2 * np.pi))
        middle = heading + turn * 0.05
        place = place + chord * np.array([np.cos(middle), np.sin(middle)])
        heading += turn * 0.1
    _, told = drive(TRACKER, found)
    assert told[-1].number.tolist() == [1]
    assert np.abs(told[-1].velocity[0, :2]).max() < 0.05


def test_range_rate_tells_a_speed_that_two_places_do_not() -> None:
    scene = Scene(11, count=1)
    scene.velocity[:] = [-9.0, 0, 0]
    both: list[SensorList] = [scene.lidar(0, image=False), scene.radar(0)]
    _, told = drive(TRACKER, [Observation(0, both)])
    assert told[0].velocity[0, 0] == pytest.approx(-9.0, abs=1.0)


def _empty(at: int) -> BoxList:
    return BoxList("lidar", at * FRAME_US, np.zeros((0, 7)), np.zeros(0), np.zeros(0, np.int64))
