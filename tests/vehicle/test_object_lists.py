"""Payloads of object lists as rows in the vehicle's frame, and what is wrong with some."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from schemas.sample import Modality, Sample
from streams.compute import BadSample
from workers.vehicle.calibration.rig import Camera, Rig
from workers.vehicle.fusion import decoding
from workers.vehicle.fusion.decoding import Reading
from workers.vehicle.fusion.lists import Holds, Listing, pack, unpack

CLASSES = ("car", "pedestrian")
HOLDS = {"lidar": Holds.BOXES, "camera": Holds.IMAGE, "radar": Holds.RADAR, "ego": Holds.EGO}
RETURN = {"range": 1.0, "bearing": 0.0, "range_rate": 0.0}
BOX = [10.0, 2.0, 0.8, 4.0, 1.8, 1.6, 0.5]
#: A lidar one metre ahead of and two metres above the vehicle's origin, turned to the left.
TURNED = np.array([[0.0, -1, 0, 1], [1, 0, 0, 0], [0, 0, 1, 2], [0, 0, 0, 1]])
#: A camera at the origin with a focal length of 100 px: u = 50 - 100 y / x, v = 50 - 100 z / x.
CAMERA = Camera(np.array([[50.0, -100, 0, 0], [50, 0, -100, 0], [1, 0, 0, 0]]), (100, 100))


def sample(input: str, payload: Any, sensor: str = "", content_type: str = "") -> Sample:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    modality = Modality.SERIES if input == "ego" else Modality.OBJECTS
    kind = content_type or "application/json"
    return Sample("v", sensor or input, input, modality, 0, 0, kind, body, "drive", 0, 0)


def read(input: str, payload: Any, sensor: str = "", **how: Any) -> Listing | BadSample:
    return Reading(**{"classes": CLASSES, "holds": HOLDS, **how}).read(
        sample(input, payload, sensor)
    )


def rows(input: str, payload: Any, sensor: str = "", **how: Any) -> list[list[float]]:
    found = read(input, payload, sensor, **how)
    assert isinstance(found, Listing)
    return found.array().tolist()


def reason(input: str, payload: Any, **how: Any) -> str:
    found = read(input, payload, **how)
    assert isinstance(found, BadSample)
    return found.reason


def objects(*found: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"objects": list(found), **more}


def test_a_box_in_space_keeps_place_size_yaw_score_and_class() -> None:
    (row,) = rows("lidar", objects({"class": "Pedestrian", "score": 0.75, "box3d": BOX}))
    assert row[:7] == BOX
    assert row[11:] == [0.75, 1.0]
    assert all(math.isnan(value) for value in row[7:11])


def test_a_box_in_space_brings_its_box_in_an_image() -> None:
    found = read(
        "lidar", objects({"class": "car", "box3d": BOX, "box2d": [1, 2, 3, 4]}, camera="front")
    )
    assert isinstance(found, Listing)
    assert found.camera == "front"
    assert found.array()[0, 7:11].tolist() == [1, 2, 3, 4]


def test_a_box_in_an_image_keeps_its_edges() -> None:
    given = objects({"class": "car", "score": 0.5, "box2d": [1, 2, 3, 4]})
    assert rows("camera", given) == [[1, 2, 3, 4, 0.5, 0]]


def test_a_radar_s_return_keeps_range_bearing_and_range_rate() -> None:
    given = objects({"range": 20.0, "bearing": 0.1, "range_rate": -3.0, "score": 0.5})
    assert rows("radar", given) == [[20.0, 0.1, -3.0, 0.5]]


def test_a_radar_s_position_becomes_range_and_bearing() -> None:
    ((distance, bearing, *_),) = rows("radar", objects({"position": [3.0, 4.0], "range_rate": 0.0}))
    assert (distance, bearing) == (5.0, math.atan2(4.0, 3.0))


def test_the_vehicle_s_own_motion_is_speed_and_yaw_rate() -> None:
    assert rows("ego", {"speed_mps": 12.5, "yaw_rate_radps": -0.1}) == [[12.5, -0.1]]


def test_a_reading_without_a_speed_says_nothing() -> None:
    found = read("ego", {"speed_mps": None, "wheel": 3.0})
    assert isinstance(found, Listing)
    assert found.holds is Holds.NOTHING


def test_a_class_that_is_not_tracked_is_left_out_and_told_of_once_by_its_input(
    caplog: pytest.LogCaptureFixture,
) -> None:
    decoding._warn_of_classes.cache_clear()
    given = objects(
        {"class": "tree", "box2d": [1, 2, 3, 4]}, {"class": "car", "box2d": [5, 6, 7, 8]}
    )
    assert [[row[0] for row in rows("camera", given)] for _ in range(2)] == [[5], [5]]
    (said,) = [each.getMessage() for each in caplog.records]
    assert said.startswith("input 'camera': objects of other classes than car, pedestrian, or of")
    assert "tree" not in said


def test_an_input_whose_readings_have_no_speed_is_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    decoding._warn_of_speed.cache_clear()
    for _ in range(2):
        read("ego", {"speed": 12.5})
    (line,) = [each.getMessage() for each in caplog.records]
    assert line.startswith("input 'ego': a reading without 'speed_mps' says nothing")


def test_a_return_without_a_range_rate_is_not_taken_for_one_that_keeps_its_distance() -> None:
    found = read("radar", objects({"range": 20.0, "bearing": 0.1}))
    assert isinstance(found, BadSample)
    assert "expected 'range_rate' in each" in found.message


def test_a_box_of_width_and_height_is_not_taken_for_corners() -> None:
    found = read("camera", objects({"class": "car", "box2d": [600, 200, 80, 60]}))
    assert isinstance(found, BadSample)
    assert "corners, not width and height" in found.message


def test_an_empty_list_is_a_look_that_saw_nothing() -> None:
    found = read("lidar", objects())
    assert isinstance(found, Listing)
    assert (found.holds, found.array().shape) == (Holds.BOXES, (0, 13))


def test_an_empty_list_of_an_unknown_kind_says_nothing() -> None:
    found = read("lidar", objects(), holds={})
    assert isinstance(found, Listing)
    assert found.holds is Holds.NOTHING


@pytest.mark.parametrize(
    ("given", "holds"),
    [
        ({"class": "car", "box3d": BOX}, Holds.BOXES),
        ({"class": "car", "box2d": [1, 2, 3, 4]}, Holds.IMAGE),
        ({"position": [3.0, 4.0], "range_rate": 1.0}, Holds.RADAR),
    ],
)
def test_a_list_of_an_unknown_kind_is_what_its_objects_look_like(
    given: dict[str, Any], holds: Holds
) -> None:
    found = read("any", objects(given), holds={})
    assert isinstance(found, Listing)
    assert found.holds is holds


def test_a_bare_list_is_read_too() -> None:
    assert len(rows("camera", [{"class": "car", "box2d": [1, 2, 3, 4]}])) == 1


def test_a_list_in_a_sensor_s_frame_is_put_into_the_vehicle_s() -> None:
    rig = Rig("ego", {}, {"lidar.top": TURNED})
    given = objects({"class": "car", "box3d": BOX}, frame="lidar.top")
    (row,) = rows("lidar", given, "lidar.top", rig=rig)
    assert row[:3] == pytest.approx([-2.0 + 1, 10.0, 2.8])
    assert row[6] == pytest.approx(0.5 + math.pi / 2)


def test_a_list_in_a_frame_that_no_calibration_tells_of_is_a_bad_sample() -> None:
    given = objects({"class": "car", "box3d": BOX}, frame="elsewhere")
    assert reason("lidar", given) == "unknown_frame"


def test_boxes_in_space_are_projected_into_the_camera() -> None:
    rig = Rig("ego", {"camera.front": CAMERA})
    given = objects({"class": "car", "box3d": [10.0, 0, 0, 2, 2, 2, 0]})
    found = read("lidar", given, rig=rig, camera="camera.front")
    assert isinstance(found, Listing)
    near = 100 / 9.0
    edges = [50 - near, 50 - near, 50 + near, 50 + near]
    assert found.array()[0, 7:11].tolist() == pytest.approx(edges)
    assert found.camera == "camera.front"


def test_a_radar_s_mount_is_where_the_calibration_says() -> None:
    rig = Rig("ego", {}, {"radar.left": TURNED})
    found = read("radar", objects(RETURN), "radar.left", rig=rig)
    assert isinstance(found, Listing)
    assert found.mount == (1.0, 0.0, pytest.approx(math.pi / 2))


@pytest.mark.parametrize(
    ("input", "payload", "expected"),
    [
        ("lidar", b"\xff\xfe", "not_json"),
        ("lidar", {"things": []}, "bad_json"),
        ("lidar", objects({"class": "car"}), "bad_json"),
        ("lidar", objects({"class": "car", "box3d": BOX[:6]}), "bad_json"),
        ("lidar", objects({"class": "car", "box3d": [1, 2, 3, 0, 1, 1, 0]}), "bad_json"),
        ("lidar", objects({"class": "car", "box3d": [1e9, 2, 3, 1, 1, 1, 0]}), "bad_json"),
        ("lidar", b'{"objects": [{"class": "car", "box3d": [1e999,2,3,1,1,1,0]}]}', "bad_json"),
        ("camera", objects({"class": "car", "box2d": [1, 2, 3]}), "bad_json"),
        ("camera", objects({"class": "car", "box2d": [1, 2, 3, 4], "score": 2}), "bad_json"),
        ("radar", objects({"class": "car", "range": 3.0}), "bad_json"),
        ("radar", objects({"range": 3.0, "bearing": 0.0, "range_rate": 1e12}), "bad_json"),
        ("ego", {"speed_mps": 1e9}, "bad_json"),
        ("lidar", objects(*[{}] * 4_097), "too_many_objects"),
    ],
)
def test_what_is_wrong_with_a_list_is_said(input: str, payload: Any, expected: str) -> None:
    found = read(input, payload)
    assert isinstance(found, BadSample), found
    assert found.reason in (expected, "not_utf8" if expected == "not_json" else expected)


def test_another_content_type_is_refused() -> None:
    found = Reading(CLASSES, HOLDS).read(sample("lidar", b"{}", content_type="text/plain"))
    assert isinstance(found, BadSample)
    assert found.reason == "unknown_content_type"


def test_a_feature_is_unpacked_as_it_was_packed() -> None:
    found = read("lidar", objects({"class": "car", "box3d": BOX}, camera="front"))
    assert isinstance(found, Listing)
    assert unpack(pack(found)) == found


def test_lists_of_which_all_is_tracked_are_not_told_of(caplog: pytest.LogCaptureFixture) -> None:
    reading = Reading(CLASSES, HOLDS)
    reading.read(sample("lidar", objects({"class": "car", "box3d": BOX})))
    reading.read(sample("radar", objects({"range": 20.0, "bearing": 0.1})))
    assert not caplog.records
