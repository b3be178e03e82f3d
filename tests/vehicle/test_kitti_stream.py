"""KITTI tracking as samples: what is sent when, which sequences there are, what disturbs them."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from schemas.objects import Kinematics, Shape, TrackedObject
from schemas.result import Result, WindowSpan
from schemas.sample import Modality, Sample
from schemas.units import us_to_iso
from streams.feed.item import FeedItem
from tests.schemas.test_contract import RESULT
from tests.vehicle.kitti_folder import IMAGE, write_folder
from workers.datasets.kitti_tracking import (
    FIRST_US,
    Disturbance,
    feed_items,
    find_recordings,
    load,
    merged,
)
from workers.errors import DataSetError, EvaluationError
from workers.evaluation.tracks_in_stream import Tracks
from workers.recipes.base import Options
from workers.recipes.kitti_tracking import _judged, _refuse, _windows
from workers.vehicle.fusion.decoding import Reading
from workers.vehicle.fusion.lists import Holds, Listing
from workers.vehicle.kitti import CAMERA, FRAME_US, LIDAR, read_sequence


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(
        tmp_path, {"0001": [0, 2], "0002": [0]}, {"val": {"0001": 4}, "train": {"0002": 1}}
    )


def items(folder: Path, disturbed: Disturbance, frames: int = 100) -> list[FeedItem]:
    return list(feed_items("s", read_sequence(folder, "0001", frames), disturbed))


def frames_of(found: list[FeedItem], sensor: str) -> list[int]:
    return [(each.start_us - FIRST_US) // FRAME_US for each in found if each.sensor == sensor]


def test_every_frame_has_a_list_of_each_sensor_even_an_empty_one(folder: Path) -> None:
    found = list(load(folder, ["0001"]).items())
    assert [(each.sensor, each.start_us - FIRST_US) for each in found] == [
        (sensor, frame * 100_000) for frame in range(4) for sensor in (LIDAR, CAMERA)
    ]
    counts = [len(json.loads(each.payload)["objects"]) for each in found]
    assert counts == [1, 1, 0, 0, 1, 1, 0, 0]


@pytest.mark.parametrize("input", ["lidar", "camera"])
def test_what_is_sent_is_what_the_tracker_gets_without_a_stream(folder: Path, input: str) -> None:
    """To the last bit: the text of a number gives the same number back."""
    (item,) = (each for each in items(folder, Disturbance("x"), 1) if each.input == input)
    reading = Reading(("car", "pedestrian"), {"lidar": Holds.BOXES, "camera": Holds.IMAGE})
    found = reading.read(
        Sample(
            "s",
            item.sensor,
            input,
            Modality.OBJECTS,
            0,
            0,
            item.content_type,
            item.payload,
            "",
            0,
            0,
        )
    )
    assert isinstance(found, Listing)
    drive = read_sequence(folder, "0001", 1)
    rows = found.array()
    if input == "lidar":
        assert rows[0, :7].tolist() == drive.lidar_box[0].tolist()
        assert rows[0, 11] == drive.lidar_score[0]
        assert rows[0, 7:11].tolist() == list(IMAGE)
    else:
        assert rows[0].tolist() == [*IMAGE, drive.camera_score[0], 0.0]


def test_sequences_come_merged_in_order_of_time(folder: Path) -> None:
    drives = [(name, read_sequence(folder, name, 3), Disturbance("x")) for name in ("0001", "0002")]
    due = [each.due_us for each in merged(drives)]
    assert due == sorted(due)


def test_a_sensor_that_is_not_there_sends_nothing(folder: Path) -> None:
    found = items(folder, Disturbance("x", sensors=(LIDAR,)))
    assert {each.sensor for each in found} == {LIDAR}


def test_a_camera_that_is_gone_lacks_two_seconds_of_every_ten(folder: Path) -> None:
    found = items(folder, Disturbance("x", camera_gone=True), 200)
    gone = sorted(set(range(200)) - set(frames_of(found, CAMERA)))
    assert gone == [*range(40, 60), *range(140, 160)]
    assert frames_of(found, LIDAR) == list(range(200))


def test_a_lidar_at_half_rate_sends_every_second_sweep(folder: Path) -> None:
    found = items(folder, Disturbance("x", lidar_half=True), 6)
    assert frames_of(found, LIDAR) == [0, 2, 4]
    assert frames_of(found, CAMERA) == list(range(6))


def test_a_lidar_whose_clock_is_ahead_says_a_later_time_when_it_sends(folder: Path) -> None:
    found = items(folder, Disturbance("x", lidar_late_us=100_000), 3)
    assert frames_of(found, LIDAR) == [1, 2, 3]
    assert [each.due_us for each in found] == sorted(each.due_us for each in found)


@pytest.mark.parametrize(
    ("disturbed", "expected"),
    [
        (Disturbance("x"), 60),
        (Disturbance("x", sensors=(LIDAR,), lidar_half=True), 30),
        (Disturbance("x", camera_gone=True), 60),
        (Disturbance("x", sensors=(CAMERA,), camera_gone=True), 40),
        (Disturbance("x", sensors=(LIDAR,), lidar_late_us=FRAME_US), 59),
    ],
)
def test_as_many_windows_are_waited_for_as_there_are_frames_with_samples(
    folder: Path, disturbed: Disturbance, expected: int
) -> None:
    found = items(folder, disturbed, 60)
    there = {(each.start_us - FIRST_US) // FRAME_US for each in found}
    assert len([frame for frame in there if frame < 60]) == expected == _windows(60, disturbed)


def test_a_sequence_is_as_long_as_its_map_says(folder: Path) -> None:
    (found,) = find_recordings(folder, ["0001"])
    assert (found.frames, found.split) == (4, "test")


def test_a_sequence_that_no_map_has_is_as_long_as_its_files(tmp_path: Path) -> None:
    write_folder(tmp_path, {"0003": [0, 6], "0001": [1]}, {"val": {"0001": 9}})
    assert [(each.name, each.frames, each.split) for each in find_recordings(tmp_path)] == [
        ("0001", 9, "test"),
        ("0003", 7, None),
    ]


def test_an_unknown_sequence_is_named(folder: Path) -> None:
    with pytest.raises(DataSetError, match="expected one of 0001, 0002, got sequence '0009'"):
        find_recordings(folder, ["0009"])


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="label_02"):
        find_recordings(tmp_path)


def test_without_names_the_held_out_sequences_are_judged(folder: Path) -> None:
    assert [each.name for each in _judged(folder, (), everything=False)] == ["0001"]


def test_of_a_folder_without_maps_every_sequence_is_judged(tmp_path: Path) -> None:
    write_folder(tmp_path, {"0011": [0], "0017": [0]})
    assert [each.name for each in _judged(tmp_path, (), everything=False)] == ["0011", "0017"]


def test_sequences_that_were_fitted_on_are_judged_only_by_name(tmp_path: Path) -> None:
    write_folder(tmp_path, {"0002": [0]}, {"train": {"0002": 1}})
    with pytest.raises(EvaluationError, match="not fitted on"):
        _judged(tmp_path, (), everything=False)
    assert [each.name for each in _judged(tmp_path, ("0002",), everything=False)] == ["0002"]


def test_what_the_recipe_cannot_follow_is_refused() -> None:
    with pytest.raises(EvaluationError, match="--seeds"):
        _refuse(Options(seeds=3))


def tracked(id_: str, **changes: object) -> TrackedObject:
    known: dict[str, object] = {
        "object_id": id_,
        "existence_probability": 0.9,
        "classification": {"car": 1.0},
        "kinematics": Kinematics("base_link", (10.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.0, [0.0] * 21),
        "shape": Shape(4.0, 1.8, 1.5),
        "status": "confirmed",
        "valid_at": us_to_iso(FIRST_US),
        "since": us_to_iso(FIRST_US),
        "age_ms": 0.0,
        "sensors": [LIDAR],
        "boxes": {CAMERA: IMAGE},
    }
    return msgspec.convert(known | changes, TrackedObject)


def result(frame: int, *objects: TrackedObject, session: str = "s") -> Result:
    start_us = FIRST_US + frame * FRAME_US
    return msgspec.structs.replace(
        RESULT,
        session=session,
        window=WindowSpan(us_to_iso(start_us), us_to_iso(start_us + FRAME_US)),
        objects=list(objects),
    )


def lines(*results: Result) -> list[list[str]]:
    tracks = Tracks(FIRST_US, FRAME_US, {"s": 10})
    for each in results:
        tracks.add(each)
    return [line.split() for line in tracks.lines("s")]


def test_objects_become_lines_of_kitti_with_frame_number_class_and_box() -> None:
    (found,) = lines(result(3, tracked("a")))
    assert found[:3] == ["3", "1", "Car"]
    assert [float(value) for value in found[6:10]] == list(IMAGE)
    assert [float(value) for value in found[10:17]] == [1.5, 1.8, 4.0, 0.0, 0.75, 10.0, -1.5708]


def test_an_object_keeps_its_number_from_frame_to_frame() -> None:
    found = lines(result(0, tracked("b")), result(1, tracked("a"), tracked("b")))
    assert [(line[0], line[1]) for line in found] == [("0", "1"), ("1", "2"), ("1", "1")]


@pytest.mark.parametrize(
    "changes",
    [{"status": "tentative"}, {"status": "closed"}, {"suspended": True}, {"boxes": {}}],
)
def test_what_nobody_would_act_on_gives_no_line(changes: dict[str, object]) -> None:
    assert lines(result(0, tracked("a", **changes))) == []


def test_an_object_without_a_place_is_judged_by_its_box_in_the_image() -> None:
    (found,) = lines(result(0, tracked("a", kinematics=None, shape=None)))
    assert found[10:17] == ["-1000.0000"] * 7


def test_results_of_no_frame_are_passed_over() -> None:
    tracks = Tracks(FIRST_US, FRAME_US, {"s": 3})
    assert [tracks.add(result(frame)) for frame in (-1, 2, 3)] == [False, True, False]
    assert not tracks.add(result(0, session="other"))
